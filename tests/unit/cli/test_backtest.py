"""``tradepit backtest``: what it prints and writes, and that whatever is wrong has its code."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from tests.bot_market import quoted

from tradepit.cli.main import app
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.model.tick import Tick

_BOT = """
import os
import msgspec
from tradepit.bots import BotBase

class Crosses(BotBase):
    class Config(msgspec.Struct):
        every: int = 4
        fails: str = ""

    def on_start(self):
        self.ticks = 0

    def on_tick(self, market):
        self.ticks += 1
        print("a bot talks")
        if self.config.fails == "raises":
            raise ValueError("as told")
        if self.config.fails == "dies":
            os._exit(7)
        if self.ticks % self.config.every == 0:
            side = "buy" if market.position <= 0 else "sell"
            price = market.ask if side == "buy" else market.bid
            yield {"symbol": market.symbol, "side": side, "qty": 1, "price": price}
"""


def _row(tick: Tick) -> dict[str, Any]:
    bid, ask = tick.bids[0], tick.asks[0]
    return {
        "datetime": tick.time_ns,
        "symbol": tick.symbol,
        "exchange": "CFFEX",
        "trading_day": str(tick.trading_day),
        "last_price": tick.last_ticks / 5,
        "volume": tick.volume_lots,
        "turnover": float(tick.turnover),
        "open_interest": 100,
        "open_price": tick.last_ticks / 5,
        "high_price": tick.last_ticks / 5,
        "low_price": tick.last_ticks / 5,
        "limit_up": 4950.0,
        "limit_down": 4050.0,
        "pre_close": 4500.0,
        "pre_settlement": 4500.0,
        "bid_price_1": bid.price_ticks / 5,
        "bid_volume_1": bid.lots,
        "ask_price_1": ask.price_ticks / 5,
        "ask_volume_1": ask.lots,
    }


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    frame = pl.DataFrame([_row(tick) for tick in quoted([22500 + step % 9 for step in range(100)])])
    path = tmp_path / "ticks.parquet"
    frame.with_columns(pl.from_epoch("datetime", "ns").dt.replace_time_zone("UTC")).write_parquet(path)
    return path


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    path = tmp_path / "crosses.py"
    path.write_text(_BOT)
    return path


def _run(*words: object) -> int:
    code: int = app([str(word) for word in ("backtest", *words)], exit_on_error=True, result_action="return_value")
    return code


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_a_run_prints_its_figures_and_the_same_digest_twice(bot: Path, ticks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(bot, "--ticks", ticks, "--param", "every=5", "--json") == 0
    first = _json(capsys)
    assert first["params"] == {"every": 5}
    assert (first["ticks"], first["statistics"]["orders"], first["statistics"]["fills"]) == (100, 20, 20)
    assert _run(bot, "--ticks", ticks, "--param", "every=5", "--json") == 0
    assert _json(capsys)["digest"] == first["digest"]
    assert _run(bot, "--ticks", ticks) == 0
    told = capsys.readouterr().out
    assert "net_profit" in told
    assert "digest " in told


def test_the_report_needs_nothing_but_itself_and_its_tables_hold_every_fill(
    bot: Path, ticks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(bot, "--ticks", ticks, "--report", tmp_path / "report", "--json") == 0
    told = _json(capsys)
    names = {Path(file).name for file in told["files"]}
    assert names == {"report.html", "summary.json", "fills.parquet", "orders.parquet", "equity.parquet", "round_trips.parquet"}
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 3
    assert page.count("<polygon") == told["statistics"]["fills"]
    assert "://" not in page
    assert "src=" not in page
    fills = pl.read_parquet(tmp_path / "report" / "fills.parquet")
    assert fills.height == told["statistics"]["fills"]
    assert fills["fee"].sum() == pytest.approx(float(told["statistics"]["fees"]))
    trips = pl.read_parquet(tmp_path / "report" / "round_trips.parquet")
    assert trips["profit"].sum() == pytest.approx(float(told["statistics"]["gross_profit"]), abs=200)
    equity = pl.read_parquet(tmp_path / "report" / "equity.parquet")
    assert equity["balance"][-1] - 10_000_000 == pytest.approx(float(told["statistics"]["net_profit"]))


def test_a_sweep_runs_all_combinations_and_outlives_those_that_fail(
    bot: Path, ticks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    swept = ("--sweep", "every=4,x", "fails=no,dies,raises")
    assert _run(bot, "--ticks", ticks, *swept, "--workers", 2, "--report", tmp_path / "report", "--json") == 1
    runs = _json(capsys)["runs"]
    assert [(run["params"]["every"], run["params"]["fails"], run["error"], run["sound"]) for run in runs] == [
        (4, False, "BOT_PARAM_NOT_VALID", False),
        (4, "dies", "RUN_DIED", False),
        (4, "raises", "", False),
        ("x", False, "BOT_PARAM_NOT_VALID", False),
        ("x", "dies", "BOT_PARAM_NOT_VALID", False),
        ("x", "raises", "BOT_PARAM_NOT_VALID", False),
    ]
    assert pl.read_parquet(tmp_path / "report" / "sweep.parquet").height == 6


def test_a_sweeps_run_is_the_single_run(bot: Path, ticks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(bot, "--ticks", ticks, "--param", "every=5", "--json") == 0
    alone = _json(capsys)
    assert _run(bot, "--ticks", ticks, "--sweep", "every=5", "--json") == 0
    assert _json(capsys)["runs"][0]["digest"] == alone["digest"]


def test_parameters_of_a_mount_give_way_to_those_that_are_named(
    bot: Path, ticks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text('{"every": 5, "fails": ""}')
    mounted = (bot, "--ticks", ticks, "--mount", tmp_path, "--json")
    assert _run(*mounted) == 0
    assert _json(capsys)["params"] == {"every": 5, "fails": ""}
    assert _run(*mounted, "--param", "every=10") == 0
    assert _json(capsys)["params"] == {"every": 10, "fails": ""}
    assert _run(*mounted, "--sweep", "every=4,10") == 0
    assert sorted(run["params"]["every"] for run in _json(capsys)["runs"]) == [4, 10]
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(TradepitError) as caught:
        _run(*mounted)
    assert caught.value.reason_code == "CONFIG_INVALID"


def test_a_bot_that_raises_is_a_finding(bot: Path, ticks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(bot, "--ticks", ticks, "--param", "fails=raises", "--json") == 1
    assert _json(capsys)["host"]["last_error"] == "on_tick: ValueError('as told')"


def test_a_houses_limits_are_used(bot: Path, ticks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    house = tmp_path / "house.yaml"
    house.write_text(yaml.safe_dump({"orders": {"risk": {"position_limit": {"max_long": 0, "max_short": 0}}}}))
    assert _run(bot, "--ticks", ticks, "--config", house, "--json") == 0
    assert _json(capsys)["host"]["refusals"] == {"POSITION_LIMIT": 25}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--param", "every"), "INVALID_REQUEST"),
        (("--param", "every=1", "every=2"), "INVALID_REQUEST"),
        (("--param", "every=[1"), "INVALID_REQUEST"),
        (("--param", "every=many"), "BOT_PARAM_NOT_VALID"),
        (("--param", "slow=1"), "BOT_PARAM_NOT_VALID"),
        (("--sweep", "every="), "INVALID_REQUEST"),
        (("--param", "every=1", "--sweep", "every=1,2"), "INVALID_REQUEST"),
        (("--deposit", "much"), "INVALID_REQUEST"),
        (("--deposit", "-5"), "CONFIG_INVALID"),
        (("--latency-ms", "-1"), "CONFIG_INVALID"),
        (("--account", "A 1"), "ID_NOT_VALID"),
    ],
)
def test_what_is_asked_wrongly_is_refused_with_its_code(bot: Path, ticks: Path, words: tuple[str, ...], code: str) -> None:
    with pytest.raises(TradepitError) as refused:
        _run(bot, "--ticks", ticks, *words)
    assert refused.value.reason_code == code


def test_files_that_are_none_are_refused_with_their_code(bot: Path, ticks: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(ticks.read_bytes()[:-100])
    other = tmp_path / "other.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(other)
    empty = tmp_path / "empty.parquet"
    pl.read_parquet(ticks).clear().write_parquet(empty)
    for path, code in (
        (torn, "FILE_NOT_PARQUET"),
        (other, "SCHEMA_MISSING_COLUMN"),
        (tmp_path / "none.parquet", "FILE_NOT_FOUND"),
        (empty, "NO_TICKS"),
    ):
        with pytest.raises(TradepitError) as refused:
            _run(bot, "--ticks", ticks if path == ticks else path)
        assert refused.value.reason_code == code
    with pytest.raises(TradepitError) as refused:
        _run(tmp_path / "none.py", "--ticks", ticks)
    assert refused.value.reason_code == "BOT_NOT_FOUND"
    with pytest.raises(TradepitError) as refused:
        _run(bot, "--ticks", ticks, "--report", ticks / "below-a-file")
    assert refused.value.reason_code == "SERVICE_UNAVAILABLE"
