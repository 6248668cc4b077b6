"""The sample bot in Vietnam: a house on SSI's orders and SSI's quotes, cut off and killed in its middle, loses and doubles nothing."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.bot_process import BotProcess
from tests.house_under_test import HouseUnderTest, position_rows, settings_of
from tests.patience import PATIENCE_S
from tests.servers.ssi_exchange import SYMBOL as SYMBOL_AT_SSI
from tests.servers.ssi_exchange import SsiExchange
from tests.ssi_world import ACCOUNTS, SYMBOL, TEN, SsiWorld, served

from tradepit.backends.store.market import SqlMarketRecords
from tradepit.config import ExchangeSettings, Settings
from tradepit.trading.model.terms import Side

_TRADING = ("trading-gateway", "order-management", "trade-executor", "position-tracker")
_WANTED = 8
_BID, _ASK = 13_395, 13_405
_BOT = f'''
from tradepit.bots import BotBase

class Gatherer(BotBase):
    """Buys lot after lot until it holds what it wants."""

    def on_start(self):
        pass

    def on_tick(self, market):
        if market.symbol == "{SYMBOL}" and market.quoted and market.position + sum(o.left for o in market.orders) < {_WANTED}:
            yield {{"symbol": "{SYMBOL}", "side": "buy", "qty": 1, "price": market.round(market.ask, 5)}}
'''


def _at_broker(world: SsiWorld, folder: Path) -> Settings:
    """A house whose broker is SSI's local server; both live at the same hour."""
    exchange = ExchangeSettings(starts_at="2025-01-06T10:00:00+07:00", origin_ns=TEN - world.clock.offset_ns)
    ssi = msgspec.structs.replace(world.settings({"A1": ACCOUNTS["A"]}), settle_s=0.5)
    store = f"sqlite+aiosqlite:///{folder / 'store.db'}"
    return msgspec.structs.replace(settings_of("A1", profile="pit"), broker="ssi", ssi=ssi, exchange=exchange, store=store)


@contextlib.asynccontextmanager
async def _quoted(server: SsiExchange) -> AsyncIterator[None]:
    """Somebody else bids for ever more lots and offers one at a time, while the block runs."""

    async def quote() -> None:
        while True:
            server.trade(ACCOUNTS["B"], Side.BUY, _BID, 1)
            if not server.venue.depth(SYMBOL_AT_SSI)[1]:
                server.trade(ACCOUNTS["B"], Side.SELL, _ASK, 1)
            await asyncio.sleep(0.3)

    task = asyncio.ensure_future(quote())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(params=["v3", "v2"])
async def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SsiWorld]:
    async with served(tmp_path / "world", request.param, monkeypatch) as world:
        yield world


async def test_a_bot_trades_through_ssi_and_survives_every_kill(tmp_path: Path, world: SsiWorld) -> None:
    server, bot = world.server, tmp_path / "gatherer.py"
    bot.write_text(_BOT)
    async with HouseUnderTest(tmp_path / "trading", _at_broker(world, tmp_path), only=_TRADING) as house, _quoted(server):
        assert house.house.process_of("order-management-1") == house.house.process_of("trading-gateway-1")
        phases, ticks = await house.hear(f"market.phase.{SYMBOL}"), await house.hear(f"market.tick.{SYMBOL}")
        run = BotProcess(house, bot, tmp_path / "bot.log", "gatherer")
        try:
            run.start()
            await house.until(lambda: _holds(server, 2), "the bot to trade")
            heard = len(ticks)
            await server.cut()
            await house.until(lambda: _holds(server, 4), "the bot to trade after the streams broke")
            assert len(ticks) > heard
            run.process.kill()
            run.process.wait()
            house.kill("trading-gateway-1")
            house.house.revive()
            run.start()
            await house.until(lambda: _holds(server, _WANTED), "the bot to hold what it wants")
            await house.until(lambda: _all_agree(server, house, run), "bot, house and exchange to agree")
            await _compare_reports(server, house)
            assert b"CONTINUOUS" in phases[-1].data
            await _compare_bars(server, house)
        finally:
            run.process.kill()
            run.process.wait()


async def _compare_bars(server: SsiExchange, house: HouseUnderTest) -> None:
    """What SSI has of the day before goes into the house's store by a command, over the house's own login, once."""
    friday = date(2025, 1, 3)
    server.history[friday] = [("09:00", 1339.0, 1341.0, 1338.9, 1340.5, 12), ("13:01", 1340.0, 1340.0, 1339.9, 1340.0, 3)]
    command = [sys.executable, "-m", "tradepit", "fetch-bars", "--from", "20250102", "--to", "20250105", "--json"]
    command += ["--config", str(house.house.settings_path)]
    for new in (2, 0):
        # Four days, of which two are no trading days, and one has no bars.
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=PATIENCE_S, check=False)
        assert json.loads(done.stdout) == {SYMBOL: {"bars": 2, "new": new}}, done.stderr
    records = SqlMarketRecords(house.house.settings.store, migrates=False)
    await records.connect()
    opened_ns = TEN - (3 * 24 + 1) * 3_600_000_000_000
    kept = await records.bars(SYMBOL, "1m", opened_ns, opened_ns + 8 * 3_600_000_000_000)
    await records.close()
    assert [(bar.start_ns - opened_ns, bar.close, bar.volume) for bar in kept] == [
        (0, Decimal("1340.5"), 12),
        (241 * 60_000_000_000, Decimal(1340), 3),
    ]


async def _holds(server: SsiExchange, lots: int) -> bool:
    return server.lots(ACCOUNTS["A"]) >= lots


async def _all_agree(server: SsiExchange, house: HouseUnderTest, run: BotProcess) -> bool:
    tracker = await house.ask("position-tracker-1", "state")
    theirs = await house.rpc("rpc.trading-gateway.positions", {"account": "A1"})
    ours = await house.rpc("rpc.order-management.positions", {"account": "A1"})
    metrics = (await asyncio.to_thread(run.get, "/metrics"))[1].decode()
    held = [_lots(told.get("positions", [])) for told in (tracker, theirs, ours)]
    return (
        server.lots(ACCOUNTS["A"]) == _WANTED
        and held == [_WANTED] * 3
        and f'bot_position_lots{{account_id="A1",bot_id="gatherer",symbol="{SYMBOL}"}} {_WANTED}.0' in metrics
    )


def _lots(rows: list[dict[str, Any]]) -> int:
    return sum(row[3] for row in position_rows(rows))


async def _compare_reports(server: SsiExchange, house: HouseUnderTest) -> None:
    """Every order that SSI has is told here as it is; every fill once, under a number used once."""
    reply = await house.rpc("rpc.trading-gateway.orders", {"account": "A1"})
    ours = [row for row in reply["orders"] if row["reason"] != "NOT_SENT"]
    theirs = server.venue.orders(ACCOUNTS["A"])
    assert sorted((row["status"], row["traded_lots"]) for row in ours) == sorted(
        (order.status.value, order.traded_lots) for order in theirs
    )
    assert server.orders == len(theirs)
    reports = (await house.rpc("rpc.trading-gateway.reports"))["reports"]
    assert [report["sequence"] for report in reports] == list(range(1, len(reports) + 1))
    fills = [report["trade"] for report in reports if report["kind"] == "trade"]
    assert sum(fill["volume_lots"] for fill in fills) == _WANTED
    assert len({fill["trade_id"] for fill in fills}) == len(fills)
