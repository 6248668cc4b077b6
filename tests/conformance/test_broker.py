"""The promises of the broker, kept over every bus, through TqSDK and through SSI; see ports/broker.py. The exchange behind all is ours."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from tests.patience import PATIENCE_S, until
from tests.ssi_world import SsiWorld
from tests.tqsdk_world import TqsdkWorld

from tradepit.backends.broker.simulated import SimulatedBroker
from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.bus.nats import NatsBus
from tradepit.backends.journal.file import FileJournal
from tradepit.ports.broker import Broker
from tradepit.ports.bus import Bus
from tradepit.runtime.clock import ManualClock
from tradepit.runtime.nats_server import NatsServer
from tradepit.services.gateway_settings import GatewaySettings
from tradepit.services.trading_gateway import TradingGateway
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.matching.commands import ListInstrument, OpenAccount
from tradepit.trading.matching.faults import Fault, FaultPlan
from tradepit.trading.model.errors import OrderNotFound, OutcomeUnknown, RequestRefused, StaleEpoch, Unavailable
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.report import OrderReport, Report, TradeReport
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side
from tradepit.trading.risk import review
from tradepit.wire.simulator import CHANNELS

TEN = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China
PRICE = 19_500


class World:
    """An exchange on one bus, and brokers connected to it."""

    reduces = outlives = checks_limits = True

    def __init__(self, folder: Path, join: Callable[[], Bus]) -> None:
        self._folder, self._join = folder, join
        self._members: list[Bus] = []
        self._name = f"T{secrets.token_hex(4)}"
        self.gateway: TradingGateway | None = None

    async def bus(self) -> Bus:
        bus = self._join()
        await bus.connect()
        self._members.append(bus)
        return bus

    async def broker(self, session: str = "oms", timeout_s: float = 5.0) -> Broker:
        broker = SimulatedBroker(await self.bus(), session, timeout_s=timeout_s, check_s=0.05)
        await broker.connect()
        return broker

    async def trade(self) -> None:
        """The exchange brings them together."""

    @contextlib.asynccontextmanager
    async def losing_an_answer(self) -> AsyncIterator[None]:
        """The answer to the next order is lost; the order is not."""
        await self.close()
        await self.open(FaultPlan(lose_ack=Fault(count=1)))
        yield

    async def open(self, faults: FaultPlan | None = None) -> None:
        instrument = load_catalog().instrument("IF2501", on=date(2025, 1, 6), listing_price=Decimal(3900))
        self.gateway = TradingGateway(
            bus=await self.bus(),
            commands=FileJournal(self._folder / "commands", sync="os"),
            events=FileJournal(self._folder / "events", sync="os"),
            calendar=load_calendar(),
            clock=ManualClock(TEN),
            instance="exchange",
            settings=GatewaySettings(name=self._name, faults=faults or FaultPlan()),
            opening=[
                ListInstrument(instrument=instrument, reference=Decimal(3900)),
                OpenAccount(account="A", deposit=Decimal(10_000_000)),
                OpenAccount(account="B", deposit=Decimal(10_000_000)),
            ],
        )
        await self.gateway.start()

    async def close(self) -> None:
        gateway, self.gateway = self.gateway, None
        if gateway is not None:
            await gateway.stop()

    async def leave(self) -> None:
        await self.close()
        for bus in self._members:
            await bus.close()


Worlds = World | TqsdkWorld | SsiWorld


def symbol_of(world: Worlds) -> str:
    return "VN30F2501" if isinstance(world, SsiWorld) else "IF2501"


@pytest.fixture(params=["memory", "nats", "tqsdk-account", "tqsdk-kq", "tqsdk-sim", "ssi", "ssi-v2"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Worlds]:
    world: Worlds
    if request.param == "tqsdk-account":
        world = TqsdkWorld(tmp_path)
    elif request.param == "tqsdk-kq":
        world = TqsdkWorld(tmp_path, "kq")
    elif request.param == "tqsdk-sim":
        world = TqsdkWorld(tmp_path, "sim")
    elif request.param in ("ssi", "ssi-v2"):
        world = SsiWorld(tmp_path, "v2" if request.param == "ssi-v2" else "v3")
    elif request.param == "memory":
        hub = MemoryHub()
        world = World(tmp_path, lambda: MemoryBus(hub, channels=CHANNELS))
    else:
        server: NatsServer = request.getfixturevalue("nats_server")
        world = World(tmp_path, lambda: NatsBus(server.url, name="conformance", channels=CHANNELS))
    await world.open()
    yield world
    await world.leave()


def order(
    world: Worlds,
    number: int | str,
    side: Side = Side.BUY,
    account: str = "A",
    lots: int = 2,
    price: int = 0,
    offset: Offset | None = None,
) -> review.Approved:
    hanoi = isinstance(world, SsiWorld)
    intent = OrderIntent(
        client_order_id=f"c{number}",
        account=account,
        symbol=symbol_of(world),
        exchange=Exchange.HNX if hanoi else Exchange.CFFEX,
        side=side,
        offset=offset or (Offset.NET if hanoi else Offset.OPEN),
        order_type=OrderType.LIMIT,
        price_ticks=price or PRICE - 6_100 * hanoi,
        volume_lots=lots,
    )
    return review.Approved(intent, review._SEAL)


async def take(feed: AsyncIterator[Report], count: int) -> list[Report]:
    async with asyncio.timeout(PATIENCE_S):
        return [await anext(feed) for _ in range(count)]


async def test_it_says_what_it_can(world: Worlds) -> None:
    capabilities = (await world.broker()).capabilities
    assert capabilities.voids_unknown
    assert capabilities.reduces == world.reduces
    assert OrderType.LIMIT in capabilities.order_types
    assert order(world, 1).intent.offset in capabilities.offsets
    assert (Offset.CLOSETODAY in capabilities.offsets) is not isinstance(world, SsiWorld)


async def test_submitting_twice_is_submitting_once(world: Worlds) -> None:
    broker = await world.broker()
    first = await broker.submit(order(world, 1), epoch=1)
    assert (first.status, first.left_lots) == (OrderStatus.OPEN, 2)
    assert first.order_id
    assert await broker.submit(order(world, 1), epoch=1) == first
    assert await broker.query("A", "c1") == first


async def test_a_refusal_is_an_order_with_its_reason(world: Worlds) -> None:
    broker = await world.broker()
    refused = await broker.submit(order(world, 1, price=1), epoch=1)
    # TqSim knows no price limits: what lies beyond them waits in its book.
    expected = (OrderStatus.REJECTED, "PRICE_OVER_LIMIT") if world.checks_limits else (OrderStatus.OPEN, "")
    assert (refused.status, refused.reason) == expected
    refused = await broker.submit(order(world, 2, Side.SELL, offset=Offset.CLOSE), epoch=1)
    assert (refused.status, refused.reason) == (
        OrderStatus.REJECTED,
        "OFFSET_NOT_VALID" if isinstance(world, SsiWorld) else "OVER_CLOSE_POSITION",
    )


async def test_cancelling_twice_answers_with_the_state(world: Worlds) -> None:
    broker = await world.broker()
    await broker.submit(order(world, 1), epoch=1)
    cancelled = await broker.cancel("A", "c1", epoch=1)
    assert (cancelled.status, cancelled.left_lots) == (OrderStatus.CANCELLED, 0)
    assert await broker.cancel("A", "c1", epoch=1) == cancelled
    with pytest.raises(OrderNotFound):
        await broker.cancel("A", "never", epoch=1)


async def test_an_unknown_order_is_none_and_an_unknown_account_refused(world: Worlds) -> None:
    broker = await world.broker()
    assert await broker.query("A", "never") is None
    with pytest.raises(RequestRefused):
        await broker.account("nobody")


async def test_resolving_voids_what_never_arrived_and_tells_what_did(world: Worlds) -> None:
    broker = await world.broker()
    sent = await broker.submit(order(world, 1), epoch=1)
    assert await broker.resolve(order(world, 1).intent, epoch=1) == sent
    voided = await broker.resolve(order(world, 2).intent, epoch=1)
    assert voided.status is OrderStatus.REJECTED
    assert (await broker.submit(order(world, 2), epoch=1)).status is OrderStatus.REJECTED


async def test_a_new_epoch_fences_the_old_for_ever(world: Worlds) -> None:
    old, new = await world.broker(), await world.broker()
    await old.open_session(1)
    await old.submit(order(world, 1), epoch=1)
    await new.open_session(2)
    for command in (
        old.submit(order(world, 2), epoch=1),
        old.cancel("A", "c1", epoch=1),
        old.resolve(order(world, 3).intent, epoch=1),
    ):
        with pytest.raises(StaleEpoch):
            await command
    with pytest.raises(StaleEpoch):
        await old.open_session(1)
    await world.close()
    await world.open()
    with pytest.raises(StaleEpoch):
        await old.submit(order(world, 2), epoch=1)
    assert (await new.submit(order(world, 2), epoch=2)).status is OrderStatus.OPEN


async def test_an_answer_that_did_not_come_leaves_the_outcome_unknown(world: Worlds) -> None:
    broker, patient = await world.broker(timeout_s=0.1), await world.broker()
    assert await patient.find(symbol_of(world)) is not None
    async with world.losing_an_answer():
        with pytest.raises(OutcomeUnknown):
            await broker.submit(order(world, 1), epoch=1)

    async def told() -> bool:
        # Asked too early, it may still be on its way.
        with contextlib.suppress(OutcomeUnknown):
            return (await patient.resolve(order(world, 1).intent, epoch=1)).status is OrderStatus.OPEN
        return False

    await until(told)


async def test_nobody_there_means_certainly_not_done(world: Worlds) -> None:
    broker = await world.broker()
    await world.close()
    with pytest.raises(Unavailable) as caught:
        await broker.submit(order(world, 1), epoch=1)
    assert type(caught.value) is Unavailable
    await world.open()
    assert await broker.query("A", "c1") is None


async def test_reports_are_complete_for_everybody_at_any_time(world: Worlds) -> None:
    broker = await world.broker()
    early = broker.reports(0)
    await broker.submit(order(world, 1, Side.BUY, "A"), epoch=1)
    told = await take(early, 1)
    await broker.submit(order(world, 2, Side.SELL, "B"), epoch=1)
    await world.trade()
    while _filled(told) != {"A", "B"}:
        told += await take(early, 1)
    assert sorted(report.trade.account for report in told if isinstance(report, TradeReport)) == ["A", "B"]
    assert [report.sequence for report in told] == list(range(1, len(told) + 1))
    assert await broker.last_report() == len(told)
    late = (await world.broker("other")).reports(2)
    assert await take(late, len(told) - 2) == told[2:]
    for feed in (early, late):
        await feed.aclose()  # type: ignore[attr-defined]  # the port promises an iterator; this one is a generator


def _filled(told: list[Report]) -> set[str]:
    orders = [report.order for report in told if isinstance(report, OrderReport)]
    return {order.intent.account for order in orders if order.status is OrderStatus.FILLED}


async def test_reports_go_on_after_the_exchange_was_away(world: Worlds) -> None:
    broker = await world.broker()
    feed = broker.reports(0)
    await broker.submit(order(world, 1), epoch=1)
    await take(feed, 1)
    await world.close()
    waiting = asyncio.ensure_future(take(feed, 1))
    await world.open()
    await broker.submit(order(world, 2, lots=1), epoch=1)
    reports = await waiting
    if not world.outlives:
        # TqSim begins anew when its process does: what worked there is told ended, and the numbers go on.
        (ended,), reports = reports, await take(feed, 1)
        assert isinstance(ended, OrderReport)
        assert (ended.sequence, ended.order.client_order_id, ended.order.status) == (2, "c1", OrderStatus.CANCELLED)
        assert await broker.submit(order(world, 1), epoch=1) == ended.order
    (report,) = reports
    assert isinstance(report, OrderReport)
    assert (report.sequence, report.order.client_order_id) == (2 if world.outlives else 3, "c2")
    with contextlib.suppress(AttributeError):
        await feed.aclose()  # type: ignore[attr-defined]  # the port promises an iterator; this one is a generator


async def test_money_and_positions_follow_the_trades(world: Worlds) -> None:
    broker = await world.broker()
    before = await broker.account("A")
    await broker.submit(order(world, 1, Side.BUY, "A"), epoch=1)
    assert (await broker.account("A")).frozen_margin > 0
    await broker.submit(order(world, 2, Side.SELL, "B"), epoch=1)
    await world.trade()

    async def settled() -> bool:
        return not (await broker.account("A")).frozen_margin and bool(await broker.positions("B"))

    # Money and positions follow the trades, and need not have caught up when the order is answered.
    await until(settled)
    after = await broker.account("A")
    assert before.margin == after.frozen_margin == 0
    assert after.margin > 0
    assert [(position.side, position.lots) for position in await broker.positions("A")] == [(Side.BUY, 2)]
    assert [(position.side, position.lots) for position in await broker.positions("B")] == [(Side.SELL, 2)]


async def test_a_contract_is_looked_for_when_it_is_asked_for(world: Worlds) -> None:
    broker = await world.broker()
    found = await broker.find(symbol_of(world))
    assert found is not None
    assert (found.instrument.symbol, found.instrument.product.exchange) == (symbol_of(world), order(world, 1).intent.exchange)
    assert await broker.find("IF2412") is None
    assert await broker.find("nothing") is None
    assert [listing.instrument.symbol for listing in await broker.instruments()] == [symbol_of(world)]


async def test_closing_twice_does_nothing(world: Worlds) -> None:
    broker = await world.broker()
    await broker.close()
    await broker.close()
