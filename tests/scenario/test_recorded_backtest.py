"""Backtests over two recorded days of CFFEX IF2101: every row is used, the ledger and the bot agree, and nothing is left to chance."""

from pathlib import Path
from typing import Any

import pytest

import tradepit.bots.samples
from tradepit.bots.backtest.engine import Backtest
from tradepit.bots.backtest.recording import Recording, read_recording
from tradepit.bots.backtest.result import BacktestResult
from tradepit.bots.backtest.settings import BacktestSettings
from tradepit.bots.loading import load_bot
from tradepit.trading.calendar.catalog import load_catalog

_FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "cffex_if2101_ticks_20210104_20210105.parquet"
_SAMPLES = Path(tradepit.bots.samples.__file__).parent
pytestmark = pytest.mark.skipif(not _FILE.exists(), reason=f"the recording is not here: {_FILE.name}")


@pytest.fixture(scope="module")
def ticks() -> Recording:
    return read_recording([_FILE], load_catalog())


def _run(ticks: Recording, name: str, params: dict[str, Any], **settings: Any) -> BacktestResult:
    return Backtest(load_bot(str(_SAMPLES / f"{name}.py")), params, ticks, BacktestSettings(**settings), load_catalog()).run()


@pytest.mark.parametrize(
    ("name", "params", "latency_ms"),
    [
        ("moving_average", {"symbol": "IF2101"}, 0),
        ("breakout", {"symbol": "IF2101"}, 50),
    ],
)
def test_two_real_days(ticks: Recording, name: str, params: dict[str, Any], latency_ms: float) -> None:
    result = _run(ticks, name, params, latency_ms=latency_ms)
    assert (result.rows, result.ticks) == (56_209, 56_209)
    assert (result.refused_rows, result.refused_ticks, result.other_references) == ({}, {}, [])
    assert result.sound
    assert result.trades
    assert {trade.trading_day for trade in result.trades} == {20210104, 20210105}
    # The ledger's money, over a settlement, is what the bot reckoned from its own trades.
    assert result.host["pnl"] == pytest.approx(float(result.statistics.net_profit))
    assert all(order.status.terminal for order in result.orders)


def test_the_same_two_days_are_the_same_bytes(ticks: Recording) -> None:
    runs = [_run(ticks, "breakout", {"symbol": "IF2101"}) for _ in range(2)]
    assert runs[0].digest == runs[1].digest
    assert runs[0].trades == runs[1].trades
