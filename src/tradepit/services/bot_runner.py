"""BotRunner: hosts bots on the running house, each in a thread of its own, and tells how they fare."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Protocol

from loguru import logger

from tradepit.bots.identity import order_prefix, prefix_of
from tradepit.bots.live.market_feed import MarketFeed
from tradepit.bots.live.parts import Parts
from tradepit.bots.live.seat import BotSeat
from tradepit.bots.live.settings import BotRow
from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.cache import Cache
from tradepit.runtime.service import Health
from tradepit.runtime.tasks import TaskGroup
from tradepit.trading.model.errors import BadRequest, BotRefused, TradepitError
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.report import DayReport, OrderReport, Report
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Tick
from tradepit.wire.bots import HEARTBEAT_S, HEARTBEAT_TTL_S, heartbeat_key, is_set, read_command, stop_key
from tradepit.wire.simulator import BOT_COMMANDS, BOT_RUNNER
from tradepit.wire.simulator_codec import encode

_WATCH_S, _LOOK_TURNS = 0.25, 4
_FLAG_S = 1.0
_LIST_S = 5.0
_IDS_KEPT = 256


class Door(Protocol):
    """Where figures and health are told over HTTP."""

    @property
    def url(self) -> str:
        """Where it answers, empty before it was started."""

    async def start(self) -> None:
        """Open. Raises Unavailable when the port is taken."""

    async def stop(self) -> None:
        """Close. Idempotent."""


class BotRunner:
    """Several bots, one service. ``on_idle`` is called when no bot lives any more, once.

    A bot's commands come on ``bot.commands.<bot_id>``; its stop flag in the cache is looked at every second. Raises BotRefused
    BOT_ID_TWICE. ``commands_from`` is the bus that commands come on, where it is another.
    """

    def __init__(
        self,
        bus: Bus,
        cache: Cache,
        rows: Sequence[BotRow],
        make_parts: Callable[[Callable[[Report], None]], Parts],
        make_door: Callable[["BotRunner"], Door],
        instance: str,
        on_idle: Callable[[], None] | None = None,
        *,
        commands_from: Bus | None = None,
    ) -> None:
        names = [row.bot_id for row in rows]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise BotRefused("BOT_ID_TWICE", "Two bots of one runner have one id.", bot_id=twice[0])
        self._bus, self._cache, self._instance, self._on_idle = bus, cache, instance, on_idle
        self._commands_from = commands_from or bus
        self._parts = parts = make_parts(self._on_report)
        self._clock = parts.clock
        self.seats = {row.bot_id: BotSeat(row, parts) for row in rows}
        self._by_prefix = {order_prefix(row.bot_id, row.account): self.seats[row.bot_id] for row in rows}
        self._instruments: dict[str, Instrument] = {}
        self._market = MarketFeed(bus, parts.clock, self._instruments, self._on_tick, self._on_phase)
        self._tasks = TaskGroup(f"{BOT_RUNNER}:{instance}", self._failed)
        self._commands: Subscription | None = None
        self._done_ids: deque[str] = deque(maxlen=_IDS_KEPT)
        self._flagged: set[str] = set()
        self._problem = ""
        self._stopping = self._started = self._begun = False
        self._door = make_door(self)
        self.commands = self.commands_refused = 0

    @property
    def name(self) -> str:
        return BOT_RUNNER

    @property
    def instance(self) -> str:
        return self._instance

    @property
    def url(self) -> str:
        """Where metrics and health are told."""
        return self._door.url

    async def start(self) -> None:
        """Open the door, listen, begin every bot; those that must wait for the house are waited for in the background."""
        if self._started:
            return
        self._started = True
        await self._door.start()
        await self._parts.feed.start()
        await self._market.start()
        if self._parts.outcomes is not None:
            await self._parts.outcomes.start(self._on_refusal)
        self._commands = await self._commands_from.subscribe(BOT_COMMANDS, self._on_command)
        for work in (self._list_forever, self._watch_forever, self._flags_forever, self._keep_forever, self._beat_forever):
            self._tasks.spawn(work(), work.__name__)
        self._tasks.spawn(self._begin_all(), "begin")

    async def stop(self) -> None:
        """Stop every bot within its time, all at once; then listen no more."""
        if self._stopping:
            return
        self._stopping = True
        if self._commands is not None:
            await self._commands.stop()
        graceful_s = self._parts.settings.graceful_s
        await asyncio.gather(*(seat.stop("signal-sigterm", graceful_s) for seat in self.seats.values()))
        await self._tasks.stop()
        await self._beat()
        for seat in self.seats.values():
            await seat.close()
        if self._parts.outcomes is not None:
            await self._parts.outcomes.stop()
        await self._market.stop()
        await self._parts.feed.stop()
        await self._door.stop()

    def problems(self) -> dict[str, str]:
        """Why bots, by id, do not do their work though they should."""
        return {name: seat.problem for name, seat in self.seats.items() if seat.problem}

    def unready(self) -> dict[str, str]:
        """Bots that cannot trade now, by id, and why: only those that run can."""
        told = {name: (seat.problem, seat.look) for name, seat in self.seats.items()}
        found = {name: problem or look.phase for name, (problem, look) in told.items() if problem or look.phase != "running"}
        return found | ({"runner": self._problem} if self._problem else {})

    def health(self) -> Health:
        """Healthy while every bot that should do its work does."""
        seats = self.seats.values()
        phases = [seat.look.phase for seat in seats]
        figures: dict[str, str | int | float | bool] = {
            "url": self.url,
            "bots": len(phases),
            "running": phases.count("running"),
            "paused": phases.count("paused"),
            "stopped": phases.count("stopped"),
            "stuck": sum(seat.stuck for seat in seats),
            "intents": sum(sum(seat.figures.intents.values()) for seat in seats),
            "working": sum(seat.look.working for seat in seats),
            "on_tick_exceptions": sum(seat.figures.exceptions for seat in seats),
            "ticks": self._market.ticks,
            "ticks_refused": self._market.refused,
            "last_tick_age_s": round(self._market.age_s, 3),
            "commands": self.commands,
            "commands_refused": self.commands_refused,
        }
        problems = self.problems()
        reason = self._problem or "; ".join(f"{name}: {problem}" for name, problem in problems.items())
        return Health(status="UNHEALTHY" if reason else "ACTIVE", ready=not self.unready(), reason=reason[:300], figures=figures)

    # News

    def _on_report(self, report: Report) -> None:
        # Most reports concern one bot, or none: a runner of a thousand must not ask each.
        for seat in self._seats_of(report):
            if seat.life is not None:
                seat.life.take_report(report)

    def _seats_of(self, report: Report) -> Iterable[BotSeat]:
        if isinstance(report, DayReport):
            return self.seats.values()
        told = report.order if isinstance(report, OrderReport) else report.trade
        seat = self._by_prefix.get(prefix_of(told.client_order_id))
        return (seat,) if seat is not None else ()

    def _on_refusal(self, account: str, client_order_id: str, code: str) -> None:
        for seat in self.seats.values():
            if seat.life is not None and seat.row.account == account:
                seat.life.take_refusal(client_order_id, code)

    def _on_tick(self, tick: Tick, received_ns: int) -> None:
        if self._parts.data is not None:
            self._parts.data.hear(tick)
        for seat in self.seats.values():
            if seat.life is not None:
                seat.life.take_tick(tick, received_ns)

    def _on_phase(self, symbol: str, phase: SessionPhase, trading_day: int) -> None:
        for seat in self.seats.values():
            if seat.life is not None:
                seat.life.take_phase(symbol, phase, trading_day)

    async def _on_command(self, message: Message) -> None:
        seat = self.seats.get(message.subject.rpartition(".")[2])
        if seat is None or self._stopping:
            return
        try:
            command = read_command(message.payload, topic=message.subject, headers=message.headers)
        except BadRequest as error:
            self.commands_refused += 1
            logger.warning("a command for bot {} was refused: {}", seat.row.bot_id, error)
            return
        if command.command_id:
            if command.command_id in self._done_ids:
                return
            self._done_ids.append(command.command_id)
        if command.type in ("reload", "start") and seat.row.bot_id in self._flagged:
            self.commands_refused += 1
            logger.warning("bot {} is not begun: its stop flag is set", seat.row.bot_id)
            return
        self.commands += 1
        # Not awaited here: the next command may be for another bot, or that this one be stopped by force.
        self._tasks.spawn(seat.obey(command), "command")

    # What goes on

    async def _begin_all(self) -> None:
        await self._look_at_flags()
        wanted = [seat for name, seat in self.seats.items() if name not in self._flagged]
        await asyncio.gather(*(seat.start() for seat in wanted))
        self._begun = True

    def _look_for_idleness(self) -> None:
        if (
            self._begun
            and not self._stopping
            and not any(seat.alive for seat in self.seats.values())
            and self._on_idle is not None
        ):
            on_idle, self._on_idle = self._on_idle, None
            on_idle()

    async def _watch_forever(self) -> None:
        for turn in count():
            await self._clock.sleep(_WATCH_S)
            for seat in self.seats.values():
                seat.watch()
                if turn % _LOOK_TURNS == 0:
                    seat.look_again()
            self._look_for_idleness()

    async def _flags_forever(self) -> None:
        while True:
            await self._clock.sleep(_FLAG_S)
            await self._look_at_flags()

    async def _look_at_flags(self) -> None:
        for name, seat in self.seats.items():
            try:
                flagged = is_set(await self._cache.get(stop_key(name)))
            except TradepitError as error:
                logger.debug("the stop flag of bot {} cannot be read: {}", name, error)
                continue
            if flagged and name not in self._flagged:
                self._flagged.add(name)
                logger.info("bot {}: its stop flag is set", name)
                self._tasks.spawn(seat.stop("stop-flag", self._parts.settings.graceful_s), "flag")
            elif not flagged:
                self._flagged.discard(name)

    async def _list_forever(self) -> None:
        """Contracts may be listed while bots run."""
        while True:
            try:
                told = await self._parts.exchange.instruments()
            except TradepitError as error:
                logger.debug("the contracts cannot be asked for: {}", error)
            else:
                self._market.unknown = False
                for state in told.instruments:
                    self._instruments[state.instrument.symbol] = state.instrument
                    for seat in self.seats.values():
                        if seat.life is not None:
                            seat.life.list_instrument(state.instrument)
            await self._clock.sleep(_FLAG_S if not self._instruments or self._market.unknown else _LIST_S)

    async def _keep_forever(self) -> None:
        while True:
            await self._clock.sleep(self._parts.settings.keep_s)
            for seat in self.seats.values():
                seat.keep()

    async def _beat_forever(self) -> None:
        while True:
            await self._beat()
            await self._clock.sleep(HEARTBEAT_S)

    async def _beat(self) -> None:
        for name, seat in self.seats.items():
            try:
                await self._cache.put(heartbeat_key(name), encode(seat.heartbeat()), ttl_s=HEARTBEAT_TTL_S)
            except TradepitError as error:
                logger.debug("the heartbeat of bot {} cannot be told: {}", name, error)

    def _failed(self, error: BaseException) -> None:
        self._problem = f"a task of the runner failed: {error!r}"[:200]
