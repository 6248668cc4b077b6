"""A house whose broker is SSI: orders by RPC through risk review and journal, a restart in the middle, and nothing lost or doubled."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from tests.patience import until
from tests.ssi_world import ACCOUNTS, SYMBOL, SsiWorld, served

from tradepit.compose.roles import make_service
from tradepit.compose.wiring import Wiring, starts_at_ns
from tradepit.config import ExchangeSettings, OrderSettings, Settings
from tradepit.ports.clock import Clock
from tradepit.runtime.clock import ShiftedClock, SystemClock
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.runtime.order_client import OrderClient
from tradepit.services.order_management import OrderManagementService
from tradepit.trading.model.errors import RequestRefused
from tradepit.trading.model.report import TradeReport
from tradepit.trading.model.terms import SessionPhase, Side
from tradepit.trading.risk.market import Market

PRICE = Decimal("1340.5")
TICKS = 13_405


class HouseWiring(Wiring):
    """Its exchange's time moves on when it is told to."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, process="house")
        self.time = ShiftedClock(starts_at_ns(settings.exchange.starts_at) - settings.exchange.origin_ns)

    def exchange_clock(self) -> Clock:
        return self.time


class House:
    """Order management on a memory bus; its journals outlive it."""

    def __init__(self, folder: Path, world: SsiWorld, starts_at: str = "10:00:00") -> None:
        exchange = ExchangeSettings(starts_at=f"2025-01-06T{starts_at}+07:00", origin_ns=SystemClock().now_ns())
        settings = Settings(
            data_dir=str(folder),
            bus="memory://",
            journal="file?sync=os",
            lease="memory",
            cache="memory",
            broker="ssi",
            ssi=world.settings(ACCOUNTS),
            exchange=exchange,
            orders=OrderSettings(broker_timeout_s=5.0),
        )
        self.wiring = HouseWiring(settings)
        made = make_service(self.wiring, "order-management-1", _fail)
        assert isinstance(made, OrderManagementService)
        self.service = made
        self.gateway = make_service(self.wiring, "trading-gateway-1", _fail)
        self.client: OrderClient = self.wiring.client(self.wiring.bus())

    async def open(self) -> None:
        await self.wiring.bus().connect()
        await self.gateway.start()
        await self.service.start()
        await until(lambda: self.service.health().status == "ACTIVE")

    async def close(self) -> None:
        await self.service.stop()
        await self.gateway.stop()
        await self.wiring.bus().close()

    async def buy(self, name: str, volume: int, order_type: str = "LIMIT") -> None:
        await self.client.submit(
            side="BUY",
            symbol=SYMBOL,
            price=PRICE if order_type == "LIMIT" else None,
            volume=volume,
            offset="NET",
            order_type=order_type,
            account="A",
            client_order_id=name,
        )

    @property
    def market(self) -> Market:
        """The contract as the risk review sees it."""
        leader = self.service._leader
        assert leader is not None
        return leader.desk.exposure.markets[SYMBOL]

    def told(self, name: str) -> tuple[str, int, int]:
        """Status, lots traded by the order's own word, and by its trades."""
        leader = self.service._leader
        assert leader is not None
        register, key = leader.desk.register, ("A", name)
        order = register.orders[key]
        return order.status.value, order.traded_lots, register.trade_lots.get(key, 0)


async def market_is_told(desk: ExchangeDesk) -> bool:
    """Whether the gateway answers with the market after three lots of the day: its last price, limits and empty book."""
    tick = await desk.market(SYMBOL)
    return (
        tick is not None
        and (tick.last_ticks, tick.volume_lots, tick.bids, tick.asks) == (TICKS, 3, (), ())
        and (tick.lower_limit_ticks, tick.upper_limit_ticks, tick.pre_settlement) == (12_462, 14_338, Decimal(1340))
        and tick.turnover == 3 * PRICE * 100_000
    )


def _fail(error: BaseException) -> None:
    raise error


@pytest.fixture(params=["v3", "v2"])
async def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SsiWorld]:
    async with served(tmp_path / "world", request.param, monkeypatch) as world:
        yield world


async def test_the_sessions_of_the_day_are_followed_without_a_feed(tmp_path: Path, world: SsiWorld) -> None:
    world.server.market.refuses = True
    house = House(tmp_path / "house", world, starts_at="11:20:00")
    await house.open()
    try:
        await house.buy("c1", 1)
        market = house.market
        assert market.phase is SessionPhase.CONTINUOUS
        house.wiring.time.offset_ns += 11 * 60 * 1_000_000_000
        await until(lambda: market.phase is SessionPhase.BREAK)
        with pytest.raises(RequestRefused) as refused:
            await house.buy("c2", 1)
        assert refused.value.reason_code == "NOT_TRADING_PERIOD"
        assert world.server.orders == 1
    finally:
        await house.close()


async def test_orders_through_review_and_journal_survive_a_restart_of_the_house(tmp_path: Path, world: SsiWorld) -> None:
    house = House(tmp_path / "house", world)
    await house.open()
    try:
        await house.buy("c1", 3)
        world.server.trade(ACCOUNTS["B"], Side.SELL, TICKS, 2)
        await until(lambda: house.told("c1") == ("PARTIAL", 2, 2))
        with pytest.raises(RequestRefused) as refused:
            await house.buy("c2", 1, "ATC")
        assert refused.value.reason_code == "NOT_TRADING_PERIOD"
        await house.close()
        world.server.trade(ACCOUNTS["B"], Side.SELL, TICKS, 1)
        house = House(tmp_path / "house", world)
        await house.open()
        await until(lambda: house.told("c1") == ("FILLED", 3, 3))
        await house.buy("c1", 3)
        world.server.trade(ACCOUNTS["B"], Side.SELL, TICKS, 1)
        world.server.lose_answers = 1
        await house.buy("c3", 2)
        await until(lambda: house.told("c3") == ("PARTIAL", 1, 1))
        assert world.server.orders == 2
        assert world.server.lots(ACCOUNTS["A"]) == 4
    finally:
        await house.close()


async def test_whoever_follows_the_exchange_follows_ssi_over_a_restart(tmp_path: Path, world: SsiWorld) -> None:
    house = House(tmp_path / "house", world)
    await house.open()
    try:
        await house.buy("c1", 3)
        world.server.trade(ACCOUNTS["B"], Side.SELL, TICKS, 2)
        await until(lambda: house.told("c1") == ("PARTIAL", 2, 2))
        await until(lambda: house.gateway.health().ready)
        before = [report async for report in ExchangeDesk(house.wiring.bus()).reports(0)]
        await house.close()
        house = House(tmp_path / "house", world)
        tracker = make_service(house.wiring, "position-tracker-1", _fail)
        await house.open()
        await tracker.start()
        desk = ExchangeDesk(house.wiring.bus())
        await until(lambda: house.gateway.health().ready)
        assert [report async for report in desk.reports(0)][: len(before)] == before
        world.server.trade(ACCOUNTS["B"], Side.SELL, TICKS, 1)
        await until(lambda: house.told("c1") == ("FILLED", 3, 3))
        # The other side of each is an account of this house too.
        await until(lambda: tracker.health().figures["trades"] == 4)
        fills = [report.trade async for report in desk.reports(0) if isinstance(report, TradeReport)]
        assert sum(fill.volume_lots for fill in fills if fill.account == "A") == 3
        listed = await desk.instruments()
        assert [(state.instrument.symbol, state.phase) for state in listed.instruments] == [(SYMBOL, SessionPhase.CONTINUOUS)]
        await until(lambda: market_is_told(desk))
        assert [order.status.value for order in await desk.orders("A")] == ["FILLED"]
        await tracker.stop()
    finally:
        await house.close()


async def test_an_order_without_a_price_waits_for_ssis_market_and_is_judged_by_it(tmp_path: Path, world: SsiWorld) -> None:
    world.server.market.refuses = True
    house = House(tmp_path / "house", world)
    await house.open()
    try:
        world.server.trade(ACCOUNTS["B"], Side.BUY, TICKS - 2, 1)
        world.server.trade(ACCOUNTS["B"], Side.SELL, TICKS, 2)
        with pytest.raises(RequestRefused) as refused:
            await house.buy("c1", 1, "MTL")
        assert refused.value.reason_code == "PRICE_COLLAR"
        assert world.server.orders == 0
        world.server.market.refuses = False
        market = house.market
        await until(lambda: market.ask_ticks == TICKS)
        await house.buy("c2", 1, "MTL")
        await until(lambda: house.told("c2") == ("FILLED", 1, 1))
        # What the house did is in the market it hears.
        await until(lambda: market.last_ticks == TICKS)
    finally:
        await house.close()


async def test_a_halt_of_the_exchange_stops_orders_until_it_is_taken_back(tmp_path: Path, world: SsiWorld) -> None:
    house = House(tmp_path / "house", world)
    await house.open()
    try:
        await house.buy("c1", 1)
        market = house.market
        await until(lambda: world.server.market.asked > 0)
        world.server.market.tell_session("HALT")
        await until(lambda: market.phase is SessionPhase.BREAK)
        with pytest.raises(RequestRefused) as refused:
            await house.buy("c2", 1)
        assert refused.value.reason_code == "NOT_TRADING_PERIOD"
        desk = ExchangeDesk(house.wiring.bus())

        async def is_told() -> bool:
            return [state.phase for state in (await desk.instruments()).instruments] == [SessionPhase.BREAK]

        await until(is_told)
        world.server.market.tell_session("LO")
        await until(lambda: market.phase is SessionPhase.CONTINUOUS)
        await house.buy("c3", 1)
        assert world.server.orders == 2
    finally:
        await house.close()
