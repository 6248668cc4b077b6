"""An exchange on a memory bus with file journals, whose gateways are started, killed and started again."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.patience import PATIENCE_S
from tests.waiting import until

from tradepit.backends.broker.simulated import SimulatedBroker
from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.journal.file import FileJournal
from tradepit.ports.bus import Channel, Message
from tradepit.ports.clock import Clock
from tradepit.runtime.clock import ManualClock
from tradepit.services.gateway_settings import GatewaySettings
from tradepit.services.trading_gateway import TradingGateway
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.matching.commands import ListInstrument, OpenAccount
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.report import Report
from tradepit.trading.model.terms import Exchange, Offset, OrderType, Side
from tradepit.trading.model.tick import Level, Tick
from tradepit.trading.risk import review
from tradepit.wire import gateway as wire
from tradepit.wire.simulator import CHANNELS

TEN = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China, a Monday, continuous trading on CFFEX
PRICE = 19_500  # 3900.0 in ticks of 0.2


class House:
    """Journals in a folder and a bus; gateways come and go. ``bus`` is the client's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hub = MemoryHub()
        self.bus = self._member()
        self.clock: Clock = ManualClock(TEN)
        self.gateways: dict[TradingGateway, MemoryBus] = {}
        self.started = 0

    def _member(self) -> MemoryBus:
        return MemoryBus(self.hub, channels=CHANNELS)

    def gateway(self, bus: MemoryBus, **settings: object) -> TradingGateway:
        self.started += 1
        return TradingGateway(
            bus=bus,
            commands=FileJournal(self.folder / "commands", sync="os"),
            events=FileJournal(self.folder / "events", sync="os"),
            calendar=load_calendar(),
            clock=self.clock,
            instance=f"gw-{self.started}",
            settings=msgspec.convert(settings, GatewaySettings),
            opening=self.opening(),
        )

    async def start(self, **settings: object) -> TradingGateway:
        bus = self._member()
        await bus.connect()
        gateway = self.gateway(bus, **settings)
        await gateway.start()
        self.gateways[gateway] = bus
        return gateway

    async def kill(self, gateway: TradingGateway) -> None:
        """What SIGKILL leaves: no answer, no flush, no snapshot; the journals as they are."""
        bus = self.gateways.pop(gateway)
        for task in (gateway._command_writer._task, gateway._event_writer._task):
            assert task is not None
            task.cancel()
        await bus.abandon()
        await gateway._tasks.stop()
        await gateway._commands.close()
        await gateway._events.close()

    async def stop(self, gateway: TradingGateway) -> None:
        await gateway.stop()
        await self.gateways.pop(gateway).close()

    def remove(self, journal: str) -> None:
        """Lose a journal with its snapshots."""
        for file in self.folder.glob(f"{journal}*"):
            file.unlink()

    async def ask(self, method: str, body: object = None, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        payload = body if isinstance(body, bytes) else wire.encode(body or {})
        answer = await self.bus.request(f"rpc.trading-gateway.{method}", payload, timeout_s=timeout_s)
        decoded: dict[str, Any] = json.loads(answer)
        return decoded

    async def send(self, intent: OrderIntent, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        return await self.ask("send_order", self.body(intent), timeout_s)

    async def digest(self) -> str:
        return str((await self.ask("digest"))["digest"])

    async def listen(self, *channels: Channel) -> dict[str, list[dict[str, Any]]]:
        heard: dict[str, list[dict[str, Any]]] = {channel.name: [] for channel in channels}

        def hear(name: str) -> Callable[[Message], Any]:
            async def handler(message: Message) -> None:
                heard[name].append(json.loads(message.payload))

            return handler

        for channel in channels:
            await self.bus.subscribe(channel, hear(channel.name))
        return heard

    async def trade(self, first: int = 1, rounds: int = 10) -> None:
        """Per round: a resting buy, a sell that takes half of it, and every third time a cancel of the rest."""
        for number in range(first, first + rounds):
            await self.send(self.order(f"b{number}", "A", Side.BUY))
            await self.send(self.order(f"s{number}", "B", Side.SELL, lots=1))
            if number % 3 == 0:
                await self.ask("cancel_order", self.cancel(f"b{number}"))

    async def until(self, condition: Callable[[], bool]) -> None:
        await until(condition)

    async def settled(self, gateway: TradingGateway) -> None:
        await self.until(lambda: gateway._outbox.lag == 0)

    async def collect(self, count: int, after: int = 0) -> list[Report]:
        reports: list[Report] = []
        async with asyncio.timeout(PATIENCE_S):
            async for report in self.broker().reports(after):
                reports.append(report)
                if len(reports) == count:
                    break
        return reports

    def broker(self, timeout_s: float = PATIENCE_S) -> SimulatedBroker:
        return SimulatedBroker(self.bus, "oms", timeout_s=timeout_s, check_s=0.02)

    @staticmethod
    def approved(intent: OrderIntent) -> review.Approved:
        return review.Approved(intent, review._SEAL)

    @staticmethod
    def opening() -> list[ListInstrument | OpenAccount]:
        instrument = load_catalog().instrument("IF2501", on=date(2025, 1, 6), listing_price=Decimal(3900))
        listing = ListInstrument(instrument=instrument, reference=Decimal(3900))
        return [listing, *(OpenAccount(account=account, deposit=Decimal(10_000_000)) for account in ("A", "B"))]

    @staticmethod
    def order(number: int | str, account: str = "A", side: Side = Side.BUY, price: int = PRICE, lots: int = 2) -> OrderIntent:
        return OrderIntent(
            client_order_id=f"c{number}",
            account=account,
            symbol="IF2501",
            exchange=Exchange.CFFEX,
            side=side,
            offset=Offset.OPEN,
            order_type=OrderType.LIMIT,
            price_ticks=price,
            volume_lots=lots,
        )

    @staticmethod
    def body(intent: OrderIntent, epoch: int = 1) -> dict[str, object]:
        return {"intent": msgspec.to_builtins(intent), "session": "oms", "epoch": epoch}

    @staticmethod
    def cancel(number: int | str, epoch: int = 1) -> dict[str, object]:
        return {"account": "A", "client_order_id": f"c{number}", "session": "oms", "epoch": epoch}

    @staticmethod
    def tick(time_ns: int, bid: int = PRICE - 5, ask: int = PRICE + 5) -> Tick:
        return Tick(
            symbol="IF2501",
            exchange=Exchange.CFFEX,
            time_ns=time_ns,
            trading_day=20250106,
            last_ticks=PRICE,
            volume_lots=0,
            turnover=Decimal(0),
            open_interest=0,
            open_ticks=0,
            high_ticks=0,
            low_ticks=0,
            upper_limit_ticks=0,
            lower_limit_ticks=0,
            pre_close_ticks=0,
            pre_settlement=Decimal(0),
            bids=(Level(bid, 5),),
            asks=(Level(ask, 5),),
        )


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    await house.bus.connect()
    yield house
    for gateway in list(house.gateways):
        await house.stop(gateway)
    await house.bus.close()
