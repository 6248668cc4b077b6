"""MarketCache: writes every contract's ticks into the hot window of the cache, with bars of a second and a minute."""

import asyncio
from collections.abc import Callable

import msgspec
from loguru import logger

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.cache import Cache
from tradepit.ports.clock import Clock
from tradepit.ports.series import MOST_MS, SeriesCache
from tradepit.runtime.service import Health
from tradepit.runtime.tasks import TaskGroup
from tradepit.runtime.tick_row import MAX_TICK_BYTES, read_row
from tradepit.runtime.tick_sequence import SequenceWatch
from tradepit.services.hot_contract import HotContract, HotTick, Newest, hot_tick
from tradepit.services.hot_refill import TickPast
from tradepit.services.market_cache_settings import MarketCacheSettings
from tradepit.trading.model.errors import BadRequest, PayloadTooLarge, TradepitError, Unavailable
from tradepit.trading.model.ids import check_id
from tradepit.wire.data_api import MARKET_CACHE
from tradepit.wire.market_series import VOLUME, newest_depth_key, newest_phase_key, newest_tick_key, series_key
from tradepit.wire.simulator import MARKET_DEPTH, MARKET_PHASE, MARKET_TICK, PhaseData

_MOST_CONTRACTS = 10_000
_AT_ONCE = 1_000
_RECENT_MS = 10_000
_RETRY_S = 0.25
_REFILL_AGAIN_S, _REFILL_WAITS = 2.0, 30
_PHASE = msgspec.json.Decoder(PhaseData)


class _KeptRaw(msgspec.Struct, frozen=True, kw_only=True):
    received_ns: int
    since_ms: int
    tick: msgspec.Raw


class MarketCache:
    """BROADCAST: each instance writes everything, and what two write is the same.

    A handler only takes a tick over; a task writes what has come since its last turn. What the cache could not take, or has
    forgotten (which is looked for), is written again from the ticks held here; all of it may be written twice. The newest tick
    that was *received* is what the cache tells: an earlier run's later instants do not stand in its way.

    ``time`` is the exchange's; None where ticks are what drives it, and none can be ahead.
    """

    def __init__(
        self,
        bus: Bus,
        series: SeriesCache,
        cache: Cache,
        clock: Clock,
        time: Clock | None,
        settings: MarketCacheSettings,
        instance: str,
        on_failure: Callable[[BaseException], None] | None = None,
        past: TickPast | None = None,
    ) -> None:
        self._bus, self._series, self._cache, self._clock, self._time = bus, series, cache, clock, time
        self._settings, self._instance, self._tell_failure = settings, instance, on_failure
        self._past = past
        self._tasks = TaskGroup(f"{self.name}:{instance}", self._on_failure)
        self._contracts: dict[str, HotContract] = {}
        self._watch = SequenceWatch()
        self._subscriptions: list[Subscription] = []
        self._woken = asyncio.Event()
        self._ticks = self._refused = self._written = self._rewritten = self._refilled = 0
        self._last_ns = clock.monotonic_ns()
        self._problem = self._unseen = self._failure = ""
        self._stopped = False

    @property
    def name(self) -> str:
        return MARKET_CACHE

    @property
    def instance(self) -> str:
        return self._instance

    async def start(self) -> None:
        """Listen and write; a cache that is away is waited for in the background."""
        for channel, handler in ((MARKET_TICK, self._on_tick), (MARKET_DEPTH, self._on_depth), (MARKET_PHASE, self._on_phase)):
            self._subscriptions.append(await self._bus.subscribe(channel, handler))
        self._tasks.spawn(self._write_forever(), "write")
        self._tasks.spawn(self._check_forever(), "check")

    async def stop(self) -> None:
        """Write what is waiting, if the cache takes it, and leave. Idempotent."""
        if self._stopped:
            return
        self._stopped = True
        for subscription in self._subscriptions:
            await subscription.stop()
        await self._tasks.stop()
        await self._write()
        await self._series.close()
        if self._past is not None:
            await self._past.close()
        logger.info("{} stopped: {}", self._instance, self.health().figures)

    def health(self) -> Health:
        """Healthy while the cache takes what comes."""
        figures: dict[str, str | int | float | bool] = {
            "contracts": len(self._contracts),
            "ticks": self._ticks,
            "ticks_written": self._written,
            "ticks_waiting": sum(contract.waiting for contract in self._contracts.values()),
            "rewritten": self._rewritten,
            "refilled": self._refilled,
            "refused": self._refused,
            "missing": sum(self._watch.missing.values()),
            "repeated": self._watch.repeated,
            "last_tick_age_s": round((self._clock.monotonic_ns() - self._last_ns) / 1e9, 3),
        }
        reason = self._failure or self._problem or self._unseen
        return Health(status="UNHEALTHY" if reason else "ACTIVE", ready=not reason, reason=reason, figures=figures)

    def _on_failure(self, error: BaseException) -> None:
        self._failure = f"it has stopped writing: {error!r}"[:200]
        if self._tell_failure is not None:
            self._tell_failure(error)

    # News

    async def _on_tick(self, message: Message) -> None:
        try:
            tick = self._in_time(hot_tick(read_row(message.payload, message.subject)))
            contract = self._contract(message.subject)
        except BadRequest as error:
            self._refuse(message, error)
            return
        is_new, missing = self._watch.see(contract.symbol, message.headers)
        if is_new:
            if self._past is not None and not contract.since_ms:
                self._tasks.spawn(self._refill(self._past, contract, tick.at_ms), f"refill {contract.symbol}")
            contract.take(tick, message.payload, self._clock.now_ns(), unbroken=not missing)
            self._ticks += 1
            self._last_ns = self._clock.monotonic_ns()
            self._woken.set()

    async def _on_depth(self, message: Message) -> None:
        try:
            read_row(message.payload, message.subject)
            self._contract(message.subject).depth = Newest(message.payload, self._clock.now_ns())
        except BadRequest as error:
            self._refuse(message, error)
        else:
            self._woken.set()

    async def _on_phase(self, message: Message) -> None:
        try:
            _check_phase(message)
            self._contract(message.subject).phase = Newest(message.payload, self._clock.now_ns())
        except BadRequest as error:
            self._refuse(message, error)
        else:
            self._woken.set()

    def _refuse(self, message: Message, error: Exception) -> None:
        self._refused += 1
        logger.debug("{}: {} is refused: {}", self._instance, message.subject, error)

    def _in_time(self, tick: HotTick) -> HotTick:
        latest_ms = MOST_MS if self._time is None else self._time.now_ns() // 1_000_000 + int(self._settings.ahead_s * 1_000)
        if not 0 <= tick.at_ms <= latest_ms:
            raise BadRequest("the tick is dated before its time", at_ms=tick.at_ms)
        return tick

    def _contract(self, subject: str) -> HotContract:
        symbol = check_id(subject.rpartition(".")[2], "symbol")
        found = self._contracts.get(symbol)
        if found is None:
            if len(self._contracts) >= _MOST_CONTRACTS:
                raise BadRequest(f"more than {_MOST_CONTRACTS} contracts", symbol=symbol)
            told = self._settings
            found = HotContract(symbol, window_ms=told.window_ms, bars_ms=told.bars_ms, most_ticks=told.most_ticks)
            self._contracts[symbol] = found
        return found

    # Writing

    async def _write_forever(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            done = await self._write()
            if not done:
                self._woken.set()
            await self._clock.sleep(self._settings.flush_ms / 1_000 if done else _RETRY_S)

    async def _write(self) -> bool:
        """Write what waits; whether the cache took all of it."""
        busy = [contract for contract in self._contracts.values() if contract.busy]
        errors: list[TradepitError] = []
        try:
            await self._series.connect()
        except TradepitError as error:
            errors.append(error)
        else:
            errors += [error for error in await asyncio.gather(*map(self._write_one, busy)) if error is not None]
        self._note(str(errors[0])[:200] if errors else "")
        # A contract whose keys are somebody else's is tried again when there is news; the others do not wait for it.
        return all(isinstance(error, BadRequest) for error in errors)

    async def _write_one(self, contract: HotContract) -> TradepitError | None:
        ticks, done = contract.begin(), False
        try:
            for begin in range(0, len(ticks), _AT_ONCE):
                part = ticks[begin : begin + _AT_ONCE]
                await self._series.add(contract.samples(part))
                self._written += len(part)
            done = True
            await self._tell_newest(contract)
        except TradepitError as error:
            return error
        finally:
            contract.end(done=done)
        return None

    async def _tell_newest(self, contract: HotContract) -> None:
        for newest, key in (
            (contract.tick, newest_tick_key(contract.symbol)),
            (contract.depth, newest_depth_key(contract.symbol)),
            (contract.phase, newest_phase_key(contract.symbol)),
        ):
            if newest is None or not newest.untold:
                continue
            value = newest.payload
            if newest is not contract.phase:
                kept = _KeptRaw(
                    received_ns=newest.received_ns,
                    since_ms=contract.since_ms if newest is contract.tick else 0,
                    tick=msgspec.Raw(newest.payload),
                )
                value = msgspec.json.encode(kept)
            await self._cache.put_newer(key, value, version=newest.received_ns, ttl_s=self._settings.newest_h * 3_600.0)
            newest.untold = False

    async def _refill(self, past: TickPast, contract: HotContract, first_ms: int) -> None:
        """The window from before this life, as the market's records have it. Late samples find their bars."""
        found: list[HotTick] = []
        start_ms, pause_s = first_ms - self._settings.window_ms, self._settings.refill_s
        waits = 0
        while waits < _REFILL_WAITS:
            await self._clock.sleep(pause_s)
            try:
                part = await past.ticks(contract.symbol, start_ms, first_ms, most=_AT_ONCE)
                await self._series.connect()
                await self._series.add(contract.samples(part))
                # Records that have our first tick have what came before it.
                reached = await past.ticks(contract.symbol, first_ms, first_ms + self._settings.window_ms, most=1)
            except Unavailable as error:
                logger.debug("{}: {} is not filled from the records yet: {}", self._instance, contract.symbol, error)
                pause_s = _REFILL_AGAIN_S
                continue
            except TradepitError as error:
                logger.warning("{}: {} cannot be filled from the records: {}", self._instance, contract.symbol, error)
                return
            found += part
            start_ms = part[-1].at_ms + 1 if part else start_ms
            if len(part) == _AT_ONCE:
                pause_s = 0.0
            elif reached:
                break
            else:
                waits, pause_s = waits + 1, _REFILL_AGAIN_S
        contract.precede(found)
        self._refilled += len(found)

    async def _check_forever(self) -> None:
        while True:
            await self._clock.sleep(self._settings.check_s)
            for contract in list(self._contracts.values()):
                if await self._lost(contract):
                    logger.warning("{}: the cache has lost ticks of {}: they are written again", self._instance, contract.symbol)
                    self._rewritten += 1
                    contract.write_all_again()
                    self._woken.set()

    async def _lost(self, contract: HotContract) -> bool:
        """Whether the cache has forgotten some of what it took; when it cannot be asked, nobody knows."""
        recent = contract.recent(_RECENT_MS)
        if not recent:
            return False
        try:
            found = await self._series.range(series_key(contract.symbol, VOLUME), recent[0], recent[-1])
            told = contract.tick is None or contract.tick.untold or await self._cache.get(newest_tick_key(contract.symbol))
        except TradepitError as error:
            self._unseen = str(error)[:200]
            return False
        self._unseen = ""
        return not told or not {sample.at_ms for sample in found}.issuperset(recent)

    def _note(self, problem: str) -> None:
        if problem and not self._problem:
            logger.warning("{}: the hot window cannot be written: {}", self._instance, problem)
        elif self._problem and not problem:
            logger.info("{}: the hot window is written again", self._instance)
        self._problem = problem


def _check_phase(message: Message) -> None:
    if len(message.payload) > MAX_TICK_BYTES:
        raise PayloadTooLarge(size=len(message.payload), limit=MAX_TICK_BYTES)
    try:
        told = _PHASE.decode(message.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadRequest(str(error)[:200]) from error
    if told.symbol != message.subject.rpartition(".")[2]:
        raise BadRequest("the symbol is not its topic's", subject=message.subject[:80])
