"""Two recorded days of CFFEX IF2101 run through a whole house: every tick, its copy, a client's orders and a TWAP on them."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import yaml
from nats.aio.msg import Msg
from tests.house_under_test import Json, Outside, told

from tradepit.cli.parity import run_parity

_ROOT = Path(__file__).resolve().parents[2]
_FILE = _ROOT.parent / "shared" / "data" / "cffex_if2101_ticks_20210104_20210105.parquet"
_TICK = Decimal("0.2")
_PATIENCE_S = 900.0


@asynccontextmanager
async def _demo(folder: Path) -> AsyncIterator[tuple[Outside, "asyncio.Task[Json]"]]:
    """``tradepit demo`` over the recording, a client of its house, and the demo's own report to come."""
    command = ("demo", "--ticks", str(_FILE), "--speed", "max", "--headless", "--json", "--data-dir", "demo")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tradepit", *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )

    async def report() -> Json:
        output, errors = await asyncio.wait_for(process.communicate(), _PATIENCE_S)
        assert process.returncode == 0, (output[-2000:], errors[-2000:])
        document: Json = json.loads(output)
        return document

    reporting = asyncio.create_task(report())
    running = folder / ".tradepit" / "running.yaml"
    outside = Outside(folder / "demo" / "intents" / "client.jsonl")
    try:
        while not running.exists() or not (text := running.read_text()):
            assert not reporting.done(), reporting.result()
            await asyncio.sleep(0.05)
        await outside.connect(yaml.safe_load(text)["bus"])
        yield outside, reporting
        await outside.close()
    finally:
        if process.returncode is None:
            process.terminate()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(reporting, return_exceptions=True)


@pytest.mark.skipif(not _FILE.exists(), reason=f"the recording is not here: {_FILE.name}")
async def test_both_recorded_days_go_through_the_house(tmp_path: Path) -> None:
    async with _demo(tmp_path) as (outside, reporting):
        ticks, trades = await outside.hear("market.tick.IF2101"), await outside.hear("trades.executed")
        orders = [await outside.hear(f"orders.{what}") for what in ("new", "filled", "cancelled")]
        off_tick: list[str] = []
        beyond: list[tuple[float, Json]] = []
        twap: Json = {}
        number = 0
        while not reporting.done():
            number += 1
            await asyncio.sleep(0.15)
            if not ticks:
                continue
            last = json.loads(ticks[-1].data, parse_float=Decimal)
            if twap.get("status") != "accepted":
                body = {"algo": "TWAP", "symbol": "IF2101", "volume": 20, "duration": 3600, "interval": 60, "algo_id": "twap"}
                twap = await outside.orders("algo_order", body, patience_s=5)
            side, price = ("buy", last["ask_price_1"]) if number % 2 else ("sell", last["bid_price_1"])
            await outside.order(side, float(price), 1, symbol="IF2101", type="FAK", patience_s=2)
            request = {"symbol": "IF2101", "price": float(price + Decimal("0.1")), "volume": 1}
            off_tick.append((await outside.orders(side, request, patience_s=2)).get("error", "accepted"))
            for wrong in (float(last["limit_up"] + _TICK), float(last["limit_down"] - _TICK)):
                request = {"symbol": "IF2101", "price": wrong, "volume": 1}
                beyond.append((wrong, await outside.orders(side, request, patience_s=2)))
        report = await reporting

    assert report["market_data"]["played"] == report["market_data"]["accepted"] == report["ticks"]
    assert report["market_data"]["refused"] == 0
    proof = report["proof"]
    assert (proof["clean"], proof["lost"], proof["duplicated"], proof["unexplained"]) == (True, 0, 0, 0), proof
    _is_copied(tmp_path / "demo" / "recordings")
    assert run_parity(tmp_path / "demo", json=True) == 0, "the session is not the same through the backtester"
    _is_within_its_day(ticks, trades, *orders)
    assert twap.get("status") == "accepted"
    _twap_stayed_small(trades)
    assert off_tick
    assert "accepted" not in off_tick
    _is_refused_beyond_its_day(ticks, beyond)


def _is_copied(recordings: Path) -> None:
    """Each row the exchange was played is in the recorder's files, in order, with every column as it was."""
    played = pl.read_parquet(_FILE)
    copied = pl.concat([pl.read_parquet(part) for part in sorted(recordings.rglob("*.parquet"))])
    assert copied.select(played.columns).equals(played, null_equal=True)


def _is_within_its_day(ticks: list[Msg], *streams: list[Msg]) -> None:
    """No order and no trade has a price off its tick or outside the limits of its trading day."""
    limits = _limits(ticks)
    assert set(limits) == {"20210104", "20210105"}
    rows = [row for stream in streams for row in told(stream)]
    assert rows
    for row in rows:
        low, high = limits[row["trading_day"]]
        price = Decimal(row["price"])
        assert price % _TICK == 0, row
        assert low <= price <= high, row


def _is_refused_beyond_its_day(ticks: list[Msg], beyond: list[tuple[float, Json]]) -> None:
    """A price beyond the limits was refused, unless the next day began on its way and allows it."""
    limits = _limits(ticks)
    refused = [reply["error"] for _, reply in beyond if reply.get("error")]
    accepted = [(wrong, reply["orderid"]) for wrong, reply in beyond if not reply.get("error")]
    assert "PRICE_OVER_LIMIT" in refused
    for wrong, order_id in accepted:
        low, high = limits[order_id.split("-")[1]]
        assert low <= Decimal(str(wrong)) <= high, (wrong, order_id)


def _limits(ticks: list[Msg]) -> dict[str, tuple[Decimal, Decimal]]:
    return {row["trading_day"]: (row["limit_down"], row["limit_up"]) for row in told(ticks)}


def _twap_stayed_small(trades: list[Msg]) -> None:
    """The TWAP traded, and not more than it was told to. Into how many pieces an hour falls is chance: here it lasts a second."""
    pieces = {row["tradeid"]: row["volume"] for row in told(trades) if row["client_order_id"].startswith("twap-")}
    assert 0 < sum(pieces.values()) <= 20
