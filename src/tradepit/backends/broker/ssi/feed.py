"""The way to SSI's market data: a stream kept alive, whatever happens to it, and what it tells made into ticks."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

import msgspec
from loguru import logger

from tradepit.backends.broker.newest_ticks import NewestTicks
from tradepit.backends.broker.ssi.link import SsiLink
from tradepit.backends.broker.ssi.news import News, ToldLimits
from tradepit.backends.broker.ssi.quotes import SsiQuotes
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import BadRequest, TradepitError, Unavailable
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Tick

_WATCH_S = 1.0
_TOO_MANY = 429


class Stream(Protocol):
    """A stream of one generation, joined while the ``async with`` runs. Raises Unavailable.

    ``heard_ns`` (monotonic) is when anything came last, ``unreadable`` counts what could not be read and was passed over.
    """

    @property
    def heard_ns(self) -> int: ...

    @property
    def unreadable(self) -> int: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

    async def ask(self) -> None:
        """Ask for the contracts, once more if need be."""

    def news(self) -> AsyncIterator[News]:
        """What is told, until the stream ends. Raises Unavailable."""


class FeedTiming(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. ``silent_s``: without a sign of life the stream is taken for dead, without news while the market trades it is asked again.

    ``back_off_s``: before the stream is joined again, doubled up to ``back_off_max_s`` until it has lived for ``stable_s``.
    """

    silent_s: float = 60.0
    back_off_s: float = 0.5
    back_off_max_s: float = 30.0
    stable_s: float = 10.0


class SsiFeed:
    """One for a process; it lives on the contracts that ``link`` has been told of. ``open_stream`` makes a stream for SSI's names of them."""

    def __init__(
        self, link: SsiLink, open_stream: Callable[[Sequence[str]], Stream], clock: Clock, *, timing: FeedTiming | None = None
    ) -> None:
        self._link, self._open_stream, self._clock, self._timing = link, open_stream, clock, timing or FeedTiming()
        self._quotes = SsiQuotes(link.phases, clock)
        self._newest = NewestTicks[Tick]()
        self._stream: Stream | None = None
        self._frames = self._told_ns = 0
        self._figures = dict.fromkeys(("breaks", "asked_again", "unreadable", "impossible"), 0)

    @property
    def figures(self) -> Mapping[str, int]:
        """How often there was no stream, and one was asked again; how much of it could not be read, or cannot have been so; all news."""
        unreadable = self._stream.unreadable if self._stream is not None else 0
        return self._figures | {"unreadable": self._figures["unreadable"] + unreadable, "news": self._frames}

    async def ticks(self) -> AsyncGenerator[Tick]:
        """Each contract's newest market, for ever: all that is known, then what changes."""
        with self._newest.reader() as reader:
            if known := self._quotes.all():
                reader.put(known)
            while True:
                for tick in await reader.take():
                    yield tick

    async def run(self) -> None:
        """Live for ever: join, hear, and join again after a pause."""
        pause_s = self._timing.back_off_s
        while True:
            await self._await_contracts()
            began_ns = self._clock.monotonic_ns()
            try:
                await self._live()
                pause_s = self._timing.back_off_s
            except (TradepitError, OSError) as error:
                self._figures["breaks"] += 1
                logger.warning("ssi: no market data: {}", error)
                if self._clock.monotonic_ns() - began_ns >= self._timing.stable_s * 1e9:
                    pause_s = self._timing.back_off_s
                if isinstance(error, TradepitError) and error.details.get("status") == _TOO_MANY:
                    pause_s = self._timing.back_off_max_s
            finally:
                self._lose()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self._timing.back_off_max_s)

    async def _await_contracts(self) -> None:
        """Until it is known what to ask for. Of a broker that is away its own health tells."""
        while not self._link.listed.contracts:
            with contextlib.suppress(Unavailable):
                await self._link.await_ready(self._timing.back_off_max_s)
            if not self._link.listed.contracts:
                await asyncio.sleep(self._timing.back_off_s)

    async def _live(self) -> None:
        """One life of the stream; it ends when the stream does (Unavailable), or when there are other contracts to ask for."""
        day, contracts = self._link.trading_day, dict(self._link.listed.contracts)
        names = list(dict.fromkeys(name for _, name in contracts.values()))
        self._quotes.begin(day, contracts.values())
        limits = self._limits()
        for each in limits.values():
            self._take(each)
        async with self._open_stream(names) as stream:
            self._stream, self._told_ns = stream, self._clock.monotonic_ns()
            logger.info("ssi: hearing the market of {}", ", ".join(names))
            hearing = asyncio.ensure_future(self._hear(stream))
            watching = asyncio.ensure_future(self._watch(stream, day, contracts, limits))
            try:
                done, _ = await asyncio.wait((hearing, watching), return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in (hearing, watching):
                    task.cancel()
                await asyncio.gather(hearing, watching, return_exceptions=True)

    async def _hear(self, stream: Stream) -> None:
        async for news in stream.news():
            self._frames += 1
            self._told_ns = self._clock.monotonic_ns()
            if self._take(news) and isinstance(news, ToldLimits):
                self._link.listed.learn_limits(news)
            if self._quotes.too_short():
                self._figures["asked_again"] += 1
                logger.warning("ssi: books are told as changes: asking for them whole")
                await stream.ask()

    def _take(self, news: News) -> bool:
        """Whether it could be so; whoever listens is told what has become of it."""
        try:
            self._newest.put(self._quotes.take(news))
        except BadRequest as error:
            count = self._figures["impossible"] = self._figures["impossible"] + 1
            if count.bit_count() == 1:
                # Of the first, the second, the fourth …: a stream of nonsense fills no log.
                logger.error("ssi: {} pieces of market data cannot be so, the last: {}", count, error)
            return False
        return True

    async def _watch(
        self,
        stream: Stream,
        day: int,
        contracts: Mapping[str, tuple[Instrument, str]],
        limits: Mapping[str, ToldLimits],
    ) -> None:
        while True:
            await asyncio.sleep(_WATCH_S)
            if self._link.trading_day != day or self._link.listed.contracts != contracts:
                return
            listed = self._limits()
            for name, each in listed.items():
                # A contract may be listed when its day has begun.
                if limits.get(name) != each:
                    self._take(each)
            limits = listed
            now_ns, silent_ns = self._clock.monotonic_ns(), self._timing.silent_s * 1e9
            if now_ns - stream.heard_ns > silent_ns:
                raise Unavailable("SSI's stream of market data is silent")
            trades = any(self._link.phases.phase_of(symbol) is SessionPhase.CONTINUOUS for symbol in contracts)
            if trades and now_ns - self._told_ns > silent_ns:
                self._told_ns = now_ns
                self._figures["asked_again"] += 1
                logger.warning("ssi: no market data for {:.0f} s though the market trades: asking again", self._timing.silent_s)
                await stream.ask()

    def _lose(self) -> None:
        if self._stream is not None:
            self._figures["unreadable"] += self._stream.unreadable
            self._stream = None
        self._quotes.lose()

    def _limits(self) -> dict[str, ToldLimits]:
        rows = {name: self._link.listed.market[symbol] for symbol, (_, name) in self._link.listed.contracts.items()}
        return {
            name: ToldLimits(symbol=name, ceiling=row.ceiling, floor=row.floor, reference=row.ref_price)
            for name, row in rows.items()
        }
