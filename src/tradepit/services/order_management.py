"""Order management: one active instance takes orders, the standbys follow its journal and take over in a fraction of a second."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from loguru import logger

from tradepit.ports.broker import Broker
from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.ports.journal import Entry, Journal
from tradepit.ports.lease import Lease
from tradepit.runtime.halt_box import HaltBox
from tradepit.runtime.journal_writer import JournalWriter
from tradepit.runtime.service import Health
from tradepit.runtime.single_active import LeaseTiming, SingleActive
from tradepit.runtime.tasks import TaskGroup
from tradepit.services.halt_watch import HaltWatch
from tradepit.services.order_algos import AlgoDesk
from tradepit.services.order_leader import OrderLeader
from tradepit.services.order_rpc import OrderDoors, refuse_not_active
from tradepit.services.order_snapshots import OrderSnapshots
from tradepit.trading.model.errors import JournalConflict, JournalCorrupted, NotActive, TimedOut, TradepitError, Unavailable
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.risk.rule import Rule
from tradepit.wire.simulator import (
    MARKET_PHASE,
    MARKET_TICK,
    ORDER_MANAGEMENT,
    PhaseData,
    TickData,
    instance_subject,
    rpc_subject,
)
from tradepit.wire.simulator_codec import decode, tick_of

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(facts.Fact)
# Short, because while it waits the lease is not looked at: a paused leader would be noticed late.
_PROBE_TIMEOUT_S = 0.04
_CLOSE_S = 3.0
SNAPSHOT_FACTS = 100_000


class OrderManagementService:
    """One instance. State lives in the journal; everything here is a fold of it and can be thrown away.

    A standby that follows keeps a snapshot every ``snapshot_facts`` facts and at each new trading day; a leader, whose time
    belongs to orders, only when it stops in order. Halts in the box ``halts`` are carried out before an order is taken.
    """

    name = ORDER_MANAGEMENT

    def __init__(
        self,
        *,
        instance: str,
        bus: Bus,
        journal: Journal,
        lease: Lease,
        broker: Broker,
        rules: Sequence[Rule],
        clock: Clock,
        timing: LeaseTiming | None = None,
        default_account: str = "A1",
        snapshot_facts: int = SNAPSHOT_FACTS,
        make_algos: Callable[[OrderLeader], AlgoDesk],
        halts: HaltBox | None = None,
    ) -> None:
        self.instance = instance
        self._bus, self._journal, self._broker, self._clock = bus, journal, broker, clock
        self._rules = tuple(rules)
        self._make_algos = make_algos
        self._desk = OrderDesk(self._rules)
        self._applied = 0
        self._snapshots = OrderSnapshots(journal, self._rules, instance=instance, every=snapshot_facts)
        self._leaving = False
        self._settled: tuple[OrderDesk, int] | None = None
        self._leader: OrderLeader | None = None
        self._algos: AlgoDesk | None = None
        self._writer: JournalWriter | None = None
        self._follower: asyncio.Task[None] | None = None
        self._rpc: list[asyncio.Task[Subscription]] = []
        self._always: list[Subscription] = []
        self._tasks = TaskGroup(f"{self.name}/{instance}", self._failed)
        self._election = SingleActive(lease, instance, self, clock, timing=timing, probe=self._is_listening)
        self._doors = OrderDoors(
            self._active_leader, self._active_algos, broker, self._status, clock, default_account=default_account
        )
        self._halts = HaltWatch(halts, self._active_leader, clock) if halts is not None else None
        self._failure = ""
        self.took_over_ms = 0.0

    async def start(self) -> None:
        """Open the journal, follow it, take part in the election."""
        await self._bus.connect()
        await self._broker.connect()
        await self._journal.open()
        await self.become_standby()
        for name in self._doors.methods:
            subject = instance_subject(self.name, self.instance, name)
            self._always.append(await self._bus.serve(subject, self._instance_responder(name)))
        ping = instance_subject(self.name, self.instance, "ping")
        self._always.append(await self._bus.serve(ping, _pong))
        self._always.append(await self._bus.subscribe(MARKET_TICK, self._on_tick))
        self._always.append(await self._bus.subscribe(MARKET_PHASE, self._on_phase))
        self._tasks.spawn(self._election.run(), "election")
        if self._halts is not None:
            self._tasks.spawn(self._halts.run(), "halts")

    async def stop(self) -> None:
        """Finish what is in hand, hand the lease over at once, keep a snapshot of what was led, leave."""
        self._leaving = True
        await self._tasks.stop()
        await self._election.resign()
        await self._stop_following()
        if self._settled is not None:
            await self._end("snapshot", self._snapshots.keep(*self._settled))
            self._settled = None
        for subscription in self._always:
            await subscription.stop()
        self._always = []
        await self._broker.close()
        await self._journal.close()

    def health(self) -> Health:
        """Standing, epoch, and the figures of the term."""
        standing = self._election.standing.value
        register = self._desk.register
        order_p50_us, order_p99_us = self._doors.latency.percentiles()
        figures: dict[str, str | int | float | bool] = {
            "standing": standing,
            "leader": self._election.leader,
            "epoch": self._election.epoch,
            "elections": self._election.elections,
            "took_over_ms": round(self.took_over_ms, 1),
            "order_p50_us": order_p50_us,
            "order_p99_us": order_p99_us,
            "orders": len(register.orders),
            "working": len(register.working),
            "in_doubt": len(register.in_doubt),
            "served": self._doors.served,
            "refused": sum(self._doors.refused.values()),
            "journal_entry": self._writer.last if self._writer is not None else self._applied,
            "journal_backlog": self._writer.backlog if self._writer is not None else 0,
            "snapshot_entry": self._snapshots.kept,
            "report_sequence": self._leader.through if self._leader is not None else register.report_sequence,
            **self._desk.tally.figures(),
        }
        if self._failure:
            return Health(status="UNHEALTHY", ready=False, reason=self._failure, figures=figures)
        active = self._election.is_active
        return Health(status="ACTIVE" if active else "STANDBY", ready=True, figures=figures)

    async def become_active(self, epoch: int) -> None:
        """Read the journal to its end, fence the former writer with this epoch, let the leader clear up, then open the doors."""
        began_ns = self._clock.monotonic_ns()
        await self._stop_following()
        await self._take_journal(epoch)
        journal_ns = self._clock.monotonic_ns()
        writer = JournalWriter(self._journal, last=self._applied, epoch=epoch, on_fenced=self._election.fence)
        writer.start()
        self._writer = writer
        leader = OrderLeader(self._desk, writer, self._broker, self._clock, epoch=epoch, on_fenced=self._election.fence)
        self._leader = leader
        await leader.start()
        broker_ns = self._clock.monotonic_ns()
        if self._halts is not None:
            await self._halts.fence(leader)
        self._algos = self._make_algos(leader)
        # No queue group: a paused former leader still counts as a member of it and would swallow its share of the requests.
        opening = asyncio.get_running_loop().create_task(self._bus.serve(rpc_subject(self.name, "*"), self._doors.answer))
        # Kept before it is waited for: a door whose opening was interrupted would stay open, and answer NOT_ACTIVE for ever.
        self._rpc.append(opening)
        await asyncio.shield(opening)
        await self._algos.take_over()
        self.took_over_ms = (self._clock.monotonic_ns() - began_ns) / 1e6
        logger.info(
            "{}: serving under epoch {} after {:.1f} ms (journal {:.1f}, broker {:.1f})",
            self.instance,
            epoch,
            self.took_over_ms,
            (journal_ns - began_ns) / 1e6,
            (broker_ns - journal_ns) / 1e6,
        )

    async def become_standby(self) -> None:
        """Close the doors and follow. A former leader forgets what it held and reads the journal anew: only that is true.

        Nothing that fails on the way keeps the rest from ending. Interrupted, it may be called again and goes on.
        """
        await self._close_doors()
        if self._algos is not None:
            await self._end("algorithm desk", self._algos.stop())
            self._algos = None
        if self._leader is not None:
            await self._end("leader", self._leader.stop())
            if self._leaving:
                await self._end("journal", self._settle(self._leader))
            self._leader = None
        if self._writer is not None:
            await self._end("journal writer", self._writer.stop())
            self._writer, self._desk, self._applied = None, OrderDesk(self._rules), 0
        if self._follower is None and not self._leaving:
            self._follower = self._tasks.spawn(self._follow(), "follower")

    async def _settle(self, leader: OrderLeader) -> None:
        """Remember the desk of a leader that records nothing more, if all that it recorded is in the journal."""
        if self._writer is None or self._writer.fenced:
            return
        async with asyncio.timeout(_CLOSE_S):
            await leader.write()
        if not self._writer.fenced:
            self._settled = self._desk, self._writer.last

    async def _close_doors(self) -> None:
        while self._rpc:
            await self._end("door", self._close(self._rpc[-1]))
            self._rpc.pop()

    @staticmethod
    async def _close(opening: "asyncio.Task[Subscription]") -> None:
        subscription = await asyncio.shield(opening)
        async with asyncio.timeout(_CLOSE_S):
            await subscription.stop()

    async def _end(self, what: str, ending: Awaitable[None]) -> None:
        try:
            await ending
        except Exception as error:  # noqa: BLE001 - the rest must end all the same
            logger.opt(exception=error).warning("{}: the {} did not end well", self.instance, what)

    def _active_leader(self) -> OrderLeader:
        if self._leader is None or not self._election.is_active:
            raise NotActive(leader=self._election.leader, epoch=self._election.epoch)
        return self._leader

    def _active_algos(self) -> AlgoDesk:
        self._active_leader()
        if self._algos is None:
            raise NotActive
        return self._algos

    async def _recover(self) -> None:
        """Begin with the newest snapshot, once: whoever knows something has begun already."""
        if not self._applied and (found := await self._snapshots.load()) is not None:
            self._desk, self._applied = found

    async def _take_journal(self, epoch: int) -> None:
        await self._recover()
        while True:
            async for entry in self._journal.read(self._applied):
                self._fold(entry)
            _, written = await self._journal.last()
            if written >= epoch:
                # The lease has forgotten terms (its store lost its end in a power cut): given back, it hands out the next one.
                raise Unavailable("the lease is behind the journal", epoch=epoch, journal=written)
            began = facts.TermBegan(time_ns=self._clock.now_ns(), epoch=epoch, holder=self.instance)
            try:
                self._applied = await self._journal.append([_ENCODER.encode(began)], expected=self._applied, epoch=epoch)
            except JournalConflict:
                # The former leader was still writing: those records count, read them and try again.
                continue
            self._desk.apply(began, replayed=True)
            return

    async def _follow(self) -> None:
        while True:
            try:
                await self._recover()
                async for entry in self._journal.follow(self._applied):
                    self._fold(entry)
                    if self._snapshots.is_due(self._desk, self._applied, len(entry.records)):
                        await self._snapshots.keep_following(self._desk, self._applied)
            except Unavailable as error:
                logger.warning("{}: cannot follow the journal now: {}", self.instance, error)
                await self._clock.sleep(0.1)

    async def _stop_following(self) -> None:
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.cancel()
            await asyncio.gather(follower, return_exceptions=True)

    def _fold(self, entry: Entry) -> None:
        for record in entry.records:
            try:
                fact = _DECODER.decode(record)
            except msgspec.MsgspecError as error:
                raise JournalCorrupted(f"entry {entry.sequence} cannot be read: {error}") from error
            self._desk.apply(fact, replayed=True)
        self._applied = entry.sequence

    async def _is_listening(self, holder: str) -> bool:
        """False only when the bus is sure that nobody listens under the holder's name; a slow holder is judged by its lease."""
        try:
            await self._bus.request(instance_subject(self.name, holder, "ping"), b"", timeout_s=_PROBE_TIMEOUT_S)
        except TimedOut:
            return True
        except Unavailable:
            return False
        return True

    def _instance_responder(self, name: str) -> Callable[[Message], Awaitable[bytes]]:
        active = self._doors.responder(self._doors.methods[name])
        standby = self._doors.responder(refuse_not_active(self._status)(name))

        async def respond(message: Message) -> bytes:
            return await (active if self._election.is_active else standby)(message)

        return respond

    async def _on_tick(self, message: Message) -> None:
        try:
            data = decode(message.payload, TickData)
            instrument = self._desk.register.instruments.get(data.symbol)
            if instrument is not None:
                # A tick's age is judged by when it came: the exchange may live at another hour than this machine. Its trading day
                # is the journal's to tell: a desk that reads an old journal must not take today for the day it has read up to.
                day = self._desk.register.trading_day
                tick = msgspec.structs.replace(tick_of(data, instrument), time_ns=self._clock.now_ns(), trading_day=day)
                self._desk.exposure.on_tick(tick)
        except TradepitError as error:
            logger.warning("tick on {} ignored: {}", message.subject, error)

    async def _on_phase(self, message: Message) -> None:
        try:
            data = decode(message.payload, PhaseData)
            self._desk.exposure.on_phase(data.symbol, SessionPhase(data.phase))
        except (TradepitError, ValueError) as error:
            logger.warning("phase on {} ignored: {}", message.subject, error)

    def _status(self) -> object:
        health = self.health()
        return {"success": True, "instance": self.instance, "status": health.status, "figures": health.figures}

    def _failed(self, error: BaseException) -> None:
        self._failure = str(error)[:200]
        self._election.fence()


async def _pong(message: Message) -> bytes:
    del message
    return b"{}"
