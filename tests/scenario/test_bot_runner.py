"""A bot on a house of real processes: killed in the middle of its work and started again it doubles nothing; STOP ends it in time."""

import asyncio
import json
import re
import signal
from pathlib import Path

from tests.bot_process import BotProcess
from tests.house_under_test import STANDBYS, HouseUnderTest, settings_of
from tests.patience import PATIENCE_S

_WANTED = 12
_ONLY = ("trading-gateway", "order-management", "market-data", "trade-executor")
_BOT = '''
from tradepit.bots import BotBase

WANTED = 12

class Gatherer(BotBase):
    """Buys lot after lot until it holds what it wants, and leaves one order resting far below the market."""

    def on_start(self):
        found = self.ctx.position("IF2501"), len(self.ctx.orders)
        self.ctx.logger.warning("found {} with {} {}", found, self.secrets, self.secrets["password"])

    def on_tick(self, market):
        if market.symbol != "IF2501" or not market.quoted:
            return
        anchors = [order for order in market.orders if order.price < market.bid - 50]
        if not anchors:
            yield {"symbol": "IF2501", "side": "buy", "qty": 1, "price": market.round(market.limits[0], 10), "offset": "OPEN"}
        if market.position + sum(order.left for order in market.orders) - len(anchors) < WANTED:
            yield {"symbol": "IF2501", "side": "buy", "qty": 1, "price": market.round(market.ask, 5)}
'''


async def test_killed_and_started_again_a_bot_doubles_nothing_and_knows_what_it_holds(tmp_path: Path) -> None:
    bot = tmp_path / "gatherer.py"
    bot.write_text(_BOT)
    log = tmp_path / "bot.log"
    async with HouseUnderTest(tmp_path / "house", settings_of("A1"), only=_ONLY, later=STANDBYS) as house:
        await house.ready()
        run = BotProcess(house, bot, log, "gatherer")

        async def lots() -> int:
            return sum(row[3] for row in await house.venue_positions("A1"))

        async def traded() -> bool:
            return await lots() >= 4

        async def ready() -> bool:
            return (await asyncio.to_thread(run.get, "/readyz"))[0] == 200

        try:
            run.start()
            await house.until(traded, "the bot to trade")
            run.process.kill()
            run.process.wait()
            held = await lots()
            assert held >= 4
            run.start()
            await house.until(ready, "the bot to be ready again")

            async def complete() -> bool:
                return await lots() == _WANTED and (await run.seen()).get("working") == 1

            await house.until(complete, "the bot to hold what it wants")
            reply = await house.rpc("rpc.trading-gateway.orders", {"account": "A1"})
            numbers = sorted(int(row["intent"]["client_order_id"].rpartition("-")[2]) for row in reply["orders"])
            assert len(numbers) == len(set(numbers))
            resting = [row for row in reply["orders"] if row["status"] == "OPEN"]
            assert len(resting) == 1

            async def told() -> bool:
                metrics = (await asyncio.to_thread(run.get, "/metrics"))[1].decode()
                held = 'bot_position_lots{account_id="A1",bot_id="gatherer",symbol="IF2501"} 12.0'
                return held in metrics and "bot_tick_latency_ms_bucket" in metrics

            await house.until(told, "the bot to know what it holds")
            await house.client.publish("bot.commands.gatherer", json.dumps({"type": "STOP", "timeout_ms": 20_000}).encode())
            # 1 would say that it had to be forced.
            assert await asyncio.to_thread(run.process.wait, PATIENCE_S) == 0
            assert await lots() == _WANTED
            reply = await house.rpc("rpc.trading-gateway.orders", {"account": "A1"})
            assert [row["status"] for row in reply["orders"] if row["status"] not in ("FILLED", "CANCELLED")] == []
        finally:
            if run.process.poll() is None:
                run.process.send_signal(signal.SIGKILL)
                run.process.wait()
        proof = await house.prove()
        assert proof.clean, proof
    said = log.read_text()
    assert "hunter2" not in said
    found = re.findall(r"found \((\d+), (\d+)\) with SecretPairs\(password\) •••", said)
    assert found[0] == ("0", "0")
    # Lots held, the anchor, and whatever was on its way when it was killed: never more than it wants.
    lots_held, orders_working = map(int, found[1])
    assert lots_held >= 4
    assert 1 <= orders_working <= 1 + _WANTED - lots_held
