"""MarketDataService: publishes ticks on ``market.tick.{symbol}`` and tells the exchange, from a generator or a recording."""

from collections.abc import Iterator, Sequence

import msgspec
from loguru import logger

from tradepit.ports.bus import Bus
from tradepit.ports.clock import Clock
from tradepit.runtime.service import Health
from tradepit.runtime.tasks import TaskGroup
from tradepit.runtime.tick_feed import TickFeed
from tradepit.runtime.tick_sequence import number_headers
from tradepit.trading.model.errors import Unavailable
from tradepit.trading.model.tick import Tick
from tradepit.wire.gateway import TicksReply
from tradepit.wire.gateway import encode as encode_model
from tradepit.wire.simulator import MARKET_DATA, TRADING_GATEWAY, rpc_subject, tick_topic
from tradepit.wire.simulator_codec import encode, tick_data

_MAX_TICKS = 128
_TRY_AGAIN = frozenset({"SERVICE_UNAVAILABLE", "TIMEOUT", "NOT_ACTIVE", "STALE_EPOCH"})


class MarketDataSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``timeout_s`` is how long the exchange may take over a batch. ``retry_s`` is the pause after it could not be reached.

    ``stale_s``: without a published tick for that long a service whose feed goes on is not healthy (0: never judged).
    ``updates_exchange``: False leaves the exchange alone (ticks are only published).
    """

    timeout_s: float = 2.0
    retry_s: float = 0.1
    stale_s: float = 0.0
    updates_exchange: bool = True


class MarketDataService:
    """One of several: symbols are partitioned by configuration, no two instances publish the same one.

    Each tick is published first (best effort, numbered per symbol and run), then sent to the exchange in order; the next batch
    waits for the exchange's answer, so no recording runs ahead of it. A batch the exchange could not be asked about is sent
    again: the exchange takes repeated figures as no news, and refuses older ones.
    """

    def __init__(self, bus: Bus, clock: Clock, feed: TickFeed, settings: MarketDataSettings, instance: str, run: str) -> None:
        """``run`` tells this life of the instance from others; it is part of every tick's number."""
        self._bus, self._clock, self._feed, self._settings = bus, clock, feed, settings
        self._instance, self._run = instance, run
        self._tasks = TaskGroup(f"{self.name}:{instance}", self._on_failure)
        self._numbers: dict[str, int] = {}
        self._published = self._accepted = self._refused = self._resent = self._unreachable = 0
        self._refusals: dict[str, int] = {}
        self._last_ns = clock.monotonic_ns()
        self._finished = False
        self._problem = ""

    @property
    def name(self) -> str:
        return MARKET_DATA

    @property
    def instance(self) -> str:
        return self._instance

    @property
    def finished(self) -> bool:
        """True when the feed has ended and the exchange has answered for its last tick."""
        return self._finished

    async def start(self) -> None:
        self._last_ns = self._clock.monotonic_ns()
        self._tasks.spawn(self._run_feed(), "feed")

    async def stop(self) -> None:
        await self._tasks.stop()

    def health(self) -> Health:
        age_s = (self._clock.monotonic_ns() - self._last_ns) / 1e9
        stale = not self._finished and 0 < self._settings.stale_s < age_s
        reason = self._problem or ("no tick for too long" if stale else "")
        figures: dict[str, str | int | float | bool] = {
            "published": self._published,
            "accepted": self._accepted,
            "refused": self._refused,
            "sent_again": self._resent,
            "exchange_unreachable": self._unreachable,
            "last_tick_age_s": round(age_s, 3),
            **{f"published_{symbol}": number for symbol, number in self._numbers.items()},
            **{f"refused_{code}": count for code, count in self._refusals.items()},
            **self._feed.progress(),
        }
        return Health(status="UNHEALTHY" if reason else "ACTIVE", ready=not self._problem, reason=reason, figures=figures)

    def _on_failure(self, error: BaseException) -> None:
        self._problem = f"feed ended: {error}"[:200]

    async def _run_feed(self) -> None:
        while not self._finished:
            try:
                async for ticks in self._feed.batches():
                    for batch in _cut(ticks):
                        await self._publish(batch)
                        await self._update_exchange(batch)
                self._finished = True
            except Unavailable as error:
                # The feed could not ask for today's listing.
                self._unreachable += 1
                logger.warning("{}: {}", self.name, error)
                await self._clock.sleep(self._settings.retry_s)

    async def _publish(self, ticks: Sequence[Tick]) -> None:
        instruments = self._feed.instruments
        for tick in ticks:
            number = self._numbers[tick.symbol] = self._numbers.get(tick.symbol, 0) + 1
            payload = encode(tick_data(tick, instruments[tick.symbol]))
            await self._publish_one(tick_topic(tick.symbol), payload, number_headers(self._run, number))
            self._published += 1
        self._last_ns = self._clock.monotonic_ns()

    async def _publish_one(self, topic: str, payload: bytes, headers: dict[str, str]) -> None:
        while True:
            try:
                await self._bus.publish(topic, payload, headers=headers)
            except Unavailable as error:
                self._unreachable += 1
                logger.warning("{}: the bus is away: {}", self.name, error)
                await self._clock.sleep(self._settings.retry_s)
            else:
                return

    async def _update_exchange(self, ticks: Sequence[Tick]) -> None:
        if not self._settings.updates_exchange:
            return
        body = encode_model({"ticks": ticks})
        subject = rpc_subject(TRADING_GATEWAY, "update_prices")
        again = False
        while True:
            try:
                answer = await self._bus.request(subject, body, timeout_s=self._settings.timeout_s)
                reply = _read(answer)
            except Unavailable as error:
                self._unreachable += 1
                again = True
                logger.warning("{}: the exchange did not answer: {}", self.name, error)
                await self._clock.sleep(self._settings.retry_s)
            else:
                self._note(reply, len(ticks), again=again)
                return

    def _note(self, reply: TicksReply, sent: int, *, again: bool) -> None:
        self._accepted += reply.accepted
        codes = [fault.code for fault in reply.refused] or ([reply.error] * sent if reply.error else [])
        if again:
            # The first sending may have been applied: then all but the newest tick of each symbol are old news to the exchange.
            self._resent += sent
            return
        self._refused += len(codes)
        for code in codes:
            if code not in self._refusals:
                logger.warning("{}: the exchange refuses ticks: {} {}", self.name, code, reply.refused[:1] or reply.message)
            self._refusals[code] = self._refusals.get(code, 0) + 1


def _read(answer: bytes) -> TicksReply:
    """Raises Unavailable when the exchange says that it cannot take ticks now, or says something unreadable."""
    try:
        reply = msgspec.json.decode(answer, type=TicksReply)
    except msgspec.MsgspecError as error:
        raise Unavailable("the exchange's answer cannot be read") from error
    if reply.error in _TRY_AGAIN:
        raise Unavailable(reply.message, code=reply.error)
    return reply


def _cut(ticks: Sequence[Tick]) -> Iterator[Sequence[Tick]]:
    for start in range(0, len(ticks), _MAX_TICKS):
        yield ticks[start : start + _MAX_TICKS]
