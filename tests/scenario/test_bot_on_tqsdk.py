"""The same bot on a real broker: a house that trades through an unmodified TqSDK, killed in its middle, loses and doubles nothing."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.bot_process import BotProcess
from tests.diff_house import MARKET, DiffHouse, diff_settings
from tests.house_under_test import HouseUnderTest, position_rows, settings_of

from tradepit.config import Settings, TqAccountSettings, TqSettings
from tradepit.web.diff.addresses import addresses

_TRADING = ("trading-gateway", "order-management", "trade-executor", "position-tracker")
_WANTED = 8
_BOT = '''
from tradepit.bots import BotBase

class Gatherer(BotBase):
    """Buys lot after lot until it holds what it wants."""

    def on_start(self):
        pass

    def on_tick(self, market):
        if market.symbol == "IF2501" and market.quoted and market.position + sum(o.left for o in market.orders) < 8:
            yield {"symbol": "IF2501", "side": "buy", "qty": 1, "price": market.round(market.ask, 5)}
'''


def _at_broker(exchange: DiffHouse) -> Settings:
    """A house of its own whose broker is TqSDK; its account A1 is the account of that name at the exchange."""
    account = TqAccountSettings(account="A1", broker_id="simnow", user="A1", password_env="TEST_TQ_WORD")
    return msgspec.structs.replace(
        settings_of("A1", profile="pit"),
        broker="tqsdk",
        # Both live at the same hour.
        exchange=msgspec.structs.replace(exchange.house.settings.exchange, contracts=(), accounts=()),
        tq=TqSettings(
            run_mode="real",
            user="house",
            password_env="TEST_TQ_WORD",
            accounts=(account,),
            symbols=("CFFEX.IF2501",),
            settle_s=0.3,
            ack_s=5.0,
            retry_max_s=0.5,
        ),
    )


async def test_a_bot_trades_through_tqsdk_and_survives_every_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only = tuple(name for name in MARKET if name != "market-recorder")
    bot, log = tmp_path / "gatherer.py", tmp_path / "bot.log"
    bot.write_text(_BOT)
    exchange = DiffHouse(tmp_path / "exchange", diff_settings(), only)
    async with exchange:
        await exchange.open_door()
        front = addresses("127.0.0.1", exchange.house.settings.diff.port) | {"HTTPS_PROXY": "http://127.0.0.1:9"}
        for name, value in (front | {"TEST_TQ_WORD": "pw"}).items():
            monkeypatch.setenv(name, value)
        async with HouseUnderTest(tmp_path / "trading", _at_broker(exchange), only=_TRADING) as house:
            assert house.house.process_of("order-management-1") == house.house.process_of("trading-gateway-1")
            run = BotProcess(house, bot, log, "gatherer")
            try:
                run.start()
                await house.until(lambda: _holds(exchange, 2), "the bot to trade")
                run.process.kill()
                run.process.wait()
                house.kill("trading-gateway-1")
                house.house.revive()
                run.start()
                await house.until(lambda: _holds(exchange, _WANTED), "the bot to hold what it wants")
                await house.until(lambda: _all_agree(exchange, house, run), "bot, house and exchange to agree")
                await _compare_reports(exchange, house)
            finally:
                run.process.kill()
                run.process.wait()
        proof = await exchange.prove()
        assert proof.clean, proof


async def _holds(exchange: DiffHouse, lots: int) -> bool:
    return sum(row[3] for row in await exchange.venue_positions("A1")) >= lots


async def _all_agree(exchange: DiffHouse, house: HouseUnderTest, run: BotProcess) -> bool:
    truth = await exchange.venue_positions("A1")
    tracker = await house.ask("position-tracker-1", "state")
    ours = await house.rpc("rpc.order-management.positions", {"account": "A1"})
    metrics = (await asyncio.to_thread(run.get, "/metrics"))[1].decode()
    return (
        sum(row[3] for row in truth) == _WANTED
        and await house.venue_positions("A1") == truth
        and position_rows(tracker.get("positions", [])) == truth
        and position_rows(ours.get("positions", [])) == truth
        and f'bot_position_lots{{account_id="A1",bot_id="gatherer",symbol="IF2501"}} {_WANTED}.0' in metrics
    )


async def _compare_reports(exchange: DiffHouse, house: HouseUnderTest) -> None:
    """Every order of the exchange is told here as it is, under a number used once; every fill once."""
    theirs = {row["intent"]["client_order_id"]: row for row in await _orders(exchange)}
    ours = {row["intent"]["client_order_id"]: row for row in await _orders(house)}
    fates = ("status", "traded_lots", "left_lots")
    assert {name: [row[fate] for fate in fates] for name, row in ours.items() if row["reason"] != "NOT_SENT"} == {
        name: [row[fate] for fate in fates] for name, row in theirs.items()
    }
    reports = (await house.rpc("rpc.trading-gateway.reports"))["reports"]
    assert [report["sequence"] for report in reports] == list(range(1, len(reports) + 1))
    fills = [report["trade"] for report in reports if report["kind"] == "trade"]
    assert sum(fill["volume_lots"] for fill in fills) == _WANTED
    assert len({fill["trade_id"] for fill in fills}) == len(fills)


async def _orders(house: HouseUnderTest) -> list[dict[str, Any]]:
    reply = await house.rpc("rpc.trading-gateway.orders", {"account": "A1"})
    assert not reply.get("error"), reply
    return list(reply["orders"])
