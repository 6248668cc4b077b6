"""What the broker connect is tested with: a real exchange in memory, the services of a profile on one bus, rows and keys to look at."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from tests.patience import PATIENCE_S
from tests.waiting import until

from tradepit.backends.broker.simulated import SimulatedBroker
from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.cache.memory import MemoryCache, MemoryCacheStore
from tradepit.backends.journal.memory import MemoryJournal, MemoryJournalStore
from tradepit.compose.broker_connect import TqParts, make_tq_service
from tradepit.ports.broker import Broker
from tradepit.ports.bus import Message
from tradepit.ports.store import Kept, SchemaStatus
from tradepit.profiles.role import Role
from tradepit.runtime.clock import ManualClock, SystemClock
from tradepit.runtime.halt_box import HaltBox
from tradepit.runtime.service import Service
from tradepit.runtime.shared_broker import SharedBroker
from tradepit.services.gateway_settings import GatewaySettings
from tradepit.services.order_intake import OrderIntake
from tradepit.services.tq_settings import TqServiceSettings
from tradepit.services.trading_gateway import TradingGateway
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.matching.commands import ListInstrument, OpenAccount
from tradepit.trading.model.errors import TradepitError, Unavailable
from tradepit.trading.orders.order_record import (
    OrderEvent,
    OrderRecord,
    OrderUpdate,
    check_event,
    check_update,
    identity_of,
    merge,
    record_of,
)
from tradepit.wire import gateway as gateway_wire
from tradepit.wire import tq
from tradepit.wire.simulator import CHANNELS, TRADING_GATEWAY, rpc_subject

TEN = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China, a Monday
DAY_NS = 86_400_000_000_000
PORTFOLIO, OTHER = "1234567890", "B"
PRICES = {"rb2505": Decimal(3500), "IF2501": Decimal(3900)}
SYMBOLS = {"SHFE.rb2505": ("rb2505", "SHFE", Decimal(1)), "CFFEX.IF2501": ("IF2501", "CFFEX", Decimal("0.2"))}


class FakeRows:
    """A store in memory that keeps the port's promises; ``down`` makes it fail before anything is kept."""

    def __init__(self) -> None:
        self.rows: dict[str, OrderRecord] = {}
        self.kept: list[OrderEvent] = []
        self.down = 0
        self.open = False

    async def connect(self) -> None:
        self.open = True

    async def keep(self, updates: Sequence[OrderUpdate], events: Sequence[OrderEvent] = ()) -> Kept:
        if self.down:
            self.down -= 1
            raise Unavailable("the store is away")
        before = len(self.kept)
        for update in updates:
            told, known = record_of(check_update(update)), self.rows.get(update.order_id)
            self.rows[update.order_id] = told if known is None else merge(known, told)
        names = {identity_of(event) for event in self.kept}
        for event in events:
            if identity_of(check_event(event)) not in names:
                names.add(identity_of(event))
                self.kept.append(event)
        return Kept(changed=len(updates), unchanged=0, events=len(self.kept) - before)

    async def order(self, order_id: str) -> OrderRecord | None:
        return self.rows.get(order_id)

    async def orders(self, portfolio_id: str, *, unfinished: bool = False) -> list[OrderRecord]:
        return [
            row for _, row in sorted(self.rows.items()) if row.portfolio_id == portfolio_id and not (unfinished and row.finished)
        ]

    async def events(self, order_id: str) -> list[OrderEvent]:
        return [event for event in self.kept if event.order_id == order_id]

    async def forget(self, portfolio_id: str) -> int:
        gone = [name for name, row in self.rows.items() if row.portfolio_id == portfolio_id]
        for name in gone:
            del self.rows[name]
        return len(gone)

    async def schema(self) -> SchemaStatus:
        return SchemaStatus(current="1", newest="1", missing=())

    async def migrate(self) -> SchemaStatus:
        return await self.schema()

    async def close(self) -> None:
        self.open = False

    def kinds(self, order_id: str) -> list[str]:
        return [event.kind for event in self.kept if event.order_id == order_id]


class Exchange:
    """The simulated exchange on a memory hub of its own, and somebody to trade with."""

    def __init__(self) -> None:
        self.hub = MemoryHub()
        self.bus = self.member()
        self._number = 0

    def member(self) -> MemoryBus:
        return MemoryBus(self.hub, channels=CHANNELS)

    async def start(self) -> None:
        await self.bus.connect()
        opening: list[Any] = [
            ListInstrument(
                instrument=load_catalog().instrument(symbol, on=date(2025, 1, 6), listing_price=price), reference=price
            )
            for symbol, price in PRICES.items()
        ]
        opening += [OpenAccount(account=name, deposit=Decimal(100_000_000)) for name in (PORTFOLIO, OTHER)]
        stores = MemoryJournalStore(), MemoryJournalStore()
        self.gateway = TradingGateway(
            bus=self.bus,
            commands=MemoryJournal(stores[0]),
            events=MemoryJournal(stores[1]),
            calendar=load_calendar(),
            clock=ManualClock(TEN),
            instance="exchange",
            settings=GatewaySettings(),
            opening=opening,
        )
        await self.gateway.start()
        await self.ask("open_session", {"session": "other", "epoch": 1})

    async def stop(self) -> None:
        await self.gateway.stop()
        await self.bus.close()

    async def ask(self, method: str, body: object) -> dict[str, Any]:
        payload = await self.bus.request(rpc_subject(TRADING_GATEWAY, method), gateway_wire.encode(body), timeout_s=PATIENCE_S)
        answer: dict[str, Any] = json.loads(payload)
        assert not answer.get("error"), answer
        return answer

    async def broker(self, session: str) -> SimulatedBroker:
        bus = self.member()
        await bus.connect()
        return SimulatedBroker(bus, session, check_s=0.05)

    async def trade_against(self, symbol: str, side: str, lots: int, offset: str = "OPEN") -> None:
        """The other account's order at the reference price."""
        code, exchange, tick = SYMBOLS[symbol]
        self._number += 1
        intent = {
            "client_order_id": f"x{self._number}",
            "account": OTHER,
            "symbol": code,
            "exchange": exchange,
            "side": side,
            "offset": offset,
            "order_type": "LIMIT",
            "price_ticks": int(PRICES[code] / tick),
            "volume_lots": lots,
        }
        answer = await self.ask("send_order", {"intent": intent, "session": "other", "epoch": 1})
        assert answer["order"]["status"] != "REJECTED", answer

    async def next_day(self) -> None:
        now_ns = TEN + DAY_NS
        await self.ask("advance_time", {"now_ns": now_ns})


class TqHouse:
    """A profile's services on a memory bus, cache, journal and rows; every instance has a broker of its own, or
    with ``one_login`` a share of one."""

    def __init__(self, roles: Sequence[Role], contract: tq.TqContract, *, one_login: bool = False) -> None:
        self.roles, self.contract, self.one_login = roles, contract, one_login
        self.login: SharedBroker | None = None
        self.exchange = Exchange()
        self.hub = MemoryHub()
        self.bus = MemoryBus(self.hub, channels=contract.channels)
        self.clock = SystemClock()
        self.cache = MemoryCache(MemoryCacheStore(), self.clock)
        self.rows = FakeRows()
        self.journal = MemoryJournalStore()
        self.settings = TqServiceSettings(portfolio_id=PORTFOLIO, look_s=0.2, cancel_patience_s=0.3)
        self.brokers: dict[str, Broker] = {}
        self.services: dict[str, Service] = {}
        self.members: dict[str, MemoryBus] = {}
        self.dead: list[Message] = []
        self.updates: list[dict[str, Any]] = []
        self.failures: list[BaseException] = []
        self.halts: HaltBox | None = None

    async def start(self) -> None:
        await self.exchange.start()
        await self.bus.connect()
        await self.bus.subscribe(self.contract.dead_letters.channel, self._on_dead, group="look")
        await self.bus.subscribe(self.contract.order_updates.channel, self._on_update, group="look")
        for role in self.roles:
            for instance in role.instances():
                await self.start_one(role.name, instance)

    async def start_one(self, role: str, instance: str) -> Service:
        if instance not in self.brokers:
            self.brokers[instance] = await self._broker(instance)
        bus = MemoryBus(self.hub, channels=self.contract.channels)
        await bus.connect()
        service = make_tq_service(self.parts(bus), role, instance, self.failures.append)
        await service.start()
        self.services[role], self.members[role] = service, bus
        return service

    async def _broker(self, instance: str) -> Broker:
        if not self.one_login:
            return await self.exchange.broker(instance)
        if self.login is None:
            self.login = SharedBroker(await self.exchange.broker("shared"))
        return self.login.share()

    async def crash(self, role: str) -> None:
        """What SIGKILL leaves of a service: what was in hand is given back to the queue, nothing more is written or sent."""
        service = self.services.pop(role)
        await self.members[role].abandon()
        tasks = getattr(service, "_tasks", None)
        if tasks is not None:
            await tasks.stop()
        work = getattr(service, "_work", None)
        if isinstance(work, OrderIntake):
            writer, leader = work._term._writer, work._term._leader
            assert writer is not None
            assert writer._task is not None
            assert leader is not None
            writer._task.cancel()
            await leader.sending.stop()
            await leader._tasks.stop()
            await leader._cancels.stop()
            await work._tasks.stop()

    def parts(self, bus: MemoryBus) -> TqParts:
        return TqParts(
            bus=bus,
            contract=self.contract,
            cache=self.cache,
            clock=self.clock,
            settings=self.settings,
            make_broker=lambda instance: self.brokers[instance],
            make_journal=lambda instance: MemoryJournal(self.journal),
            make_rows=lambda instance: self.rows,
            halts=self.halts,
        )

    async def stop(self) -> None:
        for service in reversed(self.services.values()):
            await service.stop()
        for member in (*self.members.values(), self.bus):
            await member.close()
        await self.exchange.stop()

    async def submit(self, order_id: str, **fields: object) -> None:
        """An enveloped order on rebar, BUY OPEN 10 at 3500 unless told."""
        payload = {"symbol": "SHFE.rb2505", "direction": "BUY", "offset": "OPEN", "volume": 10, "limit_price": 3500.0,
                   "order_id": order_id, "portfolio_id": PORTFOLIO, **fields}  # fmt: skip
        await self.send({"type": "SUBMIT", "request_id": "r", "timestamp": "2025-12-18T10:30:00Z", "payload": payload})

    async def cancel(self, order_id: str) -> None:
        payload = {"order_id": order_id, "portfolio_id": PORTFOLIO}
        body = {"type": "CANCEL", "request_id": "r", "timestamp": "2025-12-18T10:31:00Z", "payload": payload}
        await self.bus.publish(self.contract.cancel.channel.subject, msgspec.json.encode(body))

    async def send(self, body: object) -> None:
        payload = body if isinstance(body, bytes) else msgspec.json.encode(body)
        await self.bus.publish(self.contract.submit.channel.subject, payload)

    async def row(self, order_id: str, *, kind: str) -> OrderRecord:
        """The row of an order once an event of this kind is there."""
        await eventually(lambda: kind in self.rows.kinds(order_id), f"{order_id} {kind} {self.rows.kinds(order_id)}")
        return self.rows.rows[order_id]

    async def key(self, key: str, value: bytes) -> None:
        """Wait until a key has a value."""

        async def has_value() -> bool:
            return await self.cache.get(key) == value

        await until(has_value, key)

    async def _on_dead(self, message: Message) -> None:
        self.dead.append(message)

    async def _on_update(self, message: Message) -> None:
        self.updates.append(json.loads(message.payload))


async def eventually(condition: Callable[[], object], what: str = "") -> None:
    """Wait until something is true."""
    await until(condition, what)


class Flaky:
    """A broker whose next calls of a method fail, before or (``late``) after they had their effect."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.mishaps: dict[str, list[TradepitError]] = {}
        self.late: dict[str, list[TradepitError]] = {}
        self.calls: list[str] = []
        self.slow_s = 0.0

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._broker, name)
        if name in ("capabilities", "reports"):
            return inner

        async def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append(name)
            if self.slow_s:
                await asyncio.sleep(self.slow_s)
            if self.mishaps.get(name):
                raise self.mishaps[name].pop(0)
            result = await inner(*arguments, **named)
            if self.late.get(name):
                raise self.late[name].pop(0)
            return result

        return call
