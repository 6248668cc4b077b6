"""Random mishaps and crashes around the order intake: nothing lost, nothing doubled, every parent is its children."""

import asyncio
import json
from collections import Counter
from random import Random

import pytest
from tests.patience import PATIENCE_S
from tests.tq_house import PORTFOLIO, Flaky, TqHouse, eventually

from tradepit.profiles import tq as profile
from tradepit.trading.model.errors import OutcomeUnknown, Unavailable
from tradepit.trading.model.order import Order
from tradepit.trading.orders.order_record import OrderRecord
from tradepit.wire import tq

RB = "SHFE.rb2505"
ORDERS = 60


class Storm:
    """Orders and cancels at random, each request told once or twice, with brokers that fail and services that begin anew."""

    def __init__(self, house: TqHouse, chance: Random) -> None:
        self.house, self.chance = house, chance
        self.flaky: list[Flaky] = []
        self.asked: dict[str, tuple[str, int]] = {}

    async def step(self, number: int) -> None:
        chance, house = self.chance, self.house
        action = chance.random()
        if action < 0.55:
            await self.order(number)
        elif action < 0.7 and self.asked:
            await house.cancel(chance.choice(list(self.asked)))
        elif action < 0.85:
            await house.exchange.trade_against(RB, chance.choice(("BUY", "SELL")), chance.randint(1, 4))
        elif action < 0.9:
            house.rows.down += 2
        elif action < 0.96:
            await self.restart(tq.ORDER_SUBMITTER)
        else:
            await self.restart(chance.choice((tq.ORDER_CANCELLER, tq.ORDER_MONITOR, tq.ORDER_HANDLER)))

    async def order(self, number: int) -> None:
        chance, name = self.chance, f"o{number}"
        side, offset = chance.choice((("BUY", "OPEN"), ("SELL", "OPEN"), ("SELL", "CLOSE"), ("SELL", "CLOSE"), ("BUY", "CLOSE")))
        lots = chance.randint(1, 6)
        price = 3500.0 if chance.random() < 0.8 else 99_000.0
        self.asked[name] = (offset, lots)
        for _ in range(chance.choice((1, 1, 2))):
            await self.house.submit(name, direction=side, offset=offset, volume=lots, limit_price=price)

    async def restart(self, role: str) -> None:
        if self.chance.random() < 0.7:
            await self.house.crash(role)
        else:
            await self.house.services[role].stop()
        instance = f"{role}-1"
        broker = self.house.brokers[instance]
        inner = broker if isinstance(broker, Flaky) else Flaky(broker)
        self.house.brokers[instance] = inner
        self.flaky.append(inner)
        inner.slow_s = self.chance.choice((0.0, 0.005))
        if role == tq.ORDER_SUBMITTER:
            lost = [OutcomeUnknown("no answer"), Unavailable("nobody listens")]
            inner.late["submit"] = [OutcomeUnknown("no answer")] * self.chance.randint(0, 2)
            inner.mishaps["submit"] = self.chance.sample(lost, self.chance.randint(0, 2))
            inner.mishaps["positions"] = [Unavailable("away")] * self.chance.randint(0, 1)
        await self.house.start_one(role, instance)

    def calm(self) -> None:
        self.house.rows.down = 0
        for broker in self.flaky:
            broker.mishaps.clear()
            broker.late.clear()


async def at_the_exchange(house: TqHouse) -> dict[str, Order]:
    broker = house.brokers["tq_account_monitor-1"]
    found: dict[str, Order] = {}
    async with asyncio.timeout(PATIENCE_S):
        last = await broker.last_report()
        async for report in broker.reports(0):
            order = getattr(report, "order", None)
            if order is not None and order.intent.account == PORTFOLIO:
                found[order.client_order_id] = order
            if report.sequence >= last:
                return found
    return found


def agrees(row: OrderRecord | None, order: Order) -> bool:
    return row is not None and (row.filled_lots, row.finished) == (order.traded_lots, order.status.terminal)


@pytest.mark.parametrize("seed", range(4))
async def test_a_storm(seed: int) -> None:
    house, chance = TqHouse(profile.ROLES, tq.contract(PORTFOLIO)), Random(seed)
    await house.start()
    storm = Storm(house, chance)
    try:
        for number in range(ORDERS):
            await storm.step(number)
            await asyncio.sleep(0.01)
        storm.calm()
        await house.submit("last", limit_price=3400.0)
        await house.row("last", kind="NEW")
        submitter = house.services[tq.ORDER_SUBMITTER]
        await eventually(lambda: submitter.health().figures["in_doubt"] == 0, "in doubt")
        await house.cancel("last")
        await house.row("last", kind="CANCELLED")
        venue = await at_the_exchange(house)
        for name, order in venue.items():
            await eventually(lambda n=name, o=order: agrees(house.rows.rows.get(n), o), name)  # type: ignore[misc]  # bound
        for name, (offset, lots) in storm.asked.items():
            await eventually(lambda n=name: house.rows.kinds(n), f"{name} has an outcome")  # type: ignore[misc]  # bound
            check_outcome(house, venue, name, offset, lots)
        # Each event once, whoever told it again.
        told = Counter((event.order_id, event.kind, json.loads(event.body)["filled_quantity"]) for event in house.rows.kept)
        assert {key: count for key, count in told.items() if count > 1} == {}
        # With nothing in flight, nothing that the intake let through found too few lots.
        assert [order for order in venue.values() if order.reason.startswith("OVER_CLOSE")] == []
        assert {message.headers[tq.REASON_HEADER] for message in house.dead} <= {"ORDER_NOT_FOUND"}
    finally:
        await house.stop()


def check_outcome(house: TqHouse, venue: dict[str, Order], name: str, offset: str, lots: int) -> None:
    row = house.rows.rows[name]
    children = [venue[child] for child in tq.child_order_ids(name) if child in venue]
    if name in venue:
        assert (offset, children) != ("CLOSE", []), "a close on SHFE is split"
        assert venue[name].intent.volume_lots == lots
    elif children:
        assert sum(child.intent.volume_lots for child in children) <= lots
        assert row.filled_lots == sum(child.traded_lots for child in children)
        assert row.volume_lots == lots
    else:
        assert row.finished, "what never reached the exchange is refused"
        assert house.rows.kinds(name) == ["REJECTED"]
