"""MarketRecorder: writes every tick of ``market.tick.*`` to Parquet segments that the replayer reads back identically."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from loguru import logger

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.runtime.service import Health
from tradepit.runtime.tasks import TaskGroup
from tradepit.runtime.tick_row import read_row
from tradepit.runtime.tick_sequence import SequenceWatch
from tradepit.runtime.tick_store import TickStore
from tradepit.trading.model.errors import BadRequest
from tradepit.wire.simulator import MARKET_RECORDER, MARKET_TICK, instance_subject


class RecorderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``directory`` belongs to one recorder instance. A crash loses at most ``flush_s`` seconds of ticks, or
    ``flush_rows`` of them when they come faster.

    Without a tick for ``stale_s`` seconds the recorder is not healthy (0: never judged). ``max_rows`` may wait for a full disk.
    """

    directory: Path
    flush_s: float = 2.0
    flush_rows: int = 50_000
    max_rows: int = 2_000_000
    stale_s: float = 0.0


class MarketRecorder:
    """BROADCAST: each instance records everything, each into its own directory.

    Bad messages go to ``refused.jsonl`` with their reason. Ticks that never arrived are counted by the numbers their
    publisher gave them, those lost by a crash of this recorder included. ``service.market-recorder.<instance>.sync`` answers
    once everything received so far is on disk.
    """

    def __init__(self, bus: Bus, clock: Clock, settings: RecorderSettings, instance: str) -> None:
        self._bus, self._clock, self._settings, self._instance = bus, clock, settings, instance
        self._tasks = TaskGroup(f"{self.name}:{instance}")
        self._store = TickStore(settings.directory, instance, settings.max_rows)
        self._watch = SequenceWatch()
        self._met: set[str] = set()
        self._subscriptions: list[Subscription] = []
        self._full = asyncio.Event()
        self._ticks = self._lost_before = 0
        self._last_ns = clock.monotonic_ns()
        self._stopped = False

    @property
    def name(self) -> str:
        return MARKET_RECORDER

    @property
    def instance(self) -> str:
        return self._instance

    async def start(self) -> None:
        for symbol, seen in (await self._store.open()).items():
            self._watch.remember(symbol, seen)
        self._last_ns = self._clock.monotonic_ns()
        self._subscriptions.append(await self._bus.serve(instance_subject(self.name, self._instance, "sync"), self._on_sync))
        self._subscriptions.append(await self._bus.subscribe(MARKET_TICK, self._on_tick))
        self._tasks.spawn(self._flush_forever(), "flush")

    async def stop(self) -> None:
        if self._stopped:
            return
        self._stopped = True
        for subscription in reversed(self._subscriptions):
            await subscription.stop()
        await self._tasks.stop()
        await self._store.flush()
        logger.info("{} stopped: {}", self.name, self._figures())

    def health(self) -> Health:
        figures, stale_s = self._figures(), self._settings.stale_s
        idle = 0 < stale_s < (self._clock.monotonic_ns() - self._last_ns) / 1e9
        reason = self._store.problem or ("no tick for too long" if idle else "")
        return Health(status="UNHEALTHY" if reason else "ACTIVE", ready=not self._store.problem, reason=reason, figures=figures)

    def _figures(self) -> dict[str, str | int | float | bool]:
        return {
            "ticks": self._ticks,
            "rows_written": self._store.written,
            "rows_waiting": self._store.waiting,
            "segments": self._store.segments,
            "refused": self._store.refused,
            "dropped": self._store.dropped,
            "missing": sum(self._watch.missing.values()),
            "missing_while_away": self._lost_before,
            "repeated": self._watch.repeated,
            "last_tick_age_s": round((self._clock.monotonic_ns() - self._last_ns) / 1e9, 3),
        }

    async def _on_tick(self, message: Message) -> None:
        try:
            row = read_row(message.payload, message.subject)
        except BadRequest as error:
            self._store.refuse(message.subject, message.payload, error.reason_code, str(error))
            return
        symbol = str(row[2])
        is_new, missing = self._watch.see(symbol, message.headers)
        if not is_new:
            return
        if missing:
            self._report_gap(symbol, missing)
        self._met.add(symbol)
        self._ticks += 1
        self._last_ns = self._clock.monotonic_ns()
        self._store.add(row, self._watch.seen(symbol))
        if self._store.waiting >= self._settings.flush_rows:
            self._full.set()

    def _report_gap(self, symbol: str, missing: int) -> None:
        newest = self._watch.seen(symbol).sequence
        if symbol in self._met:
            logger.warning("{} ticks of {} before number {} never arrived", missing, symbol, newest)
        else:
            self._lost_before += missing
            logger.warning("{} ticks of {} before number {} were lost while this recorder was away", missing, symbol, newest)

    async def _on_sync(self, message: Message) -> bytes:  # noqa: ARG002 - the body says nothing
        done = await self._store.flush()
        reply: dict[str, Any] = {"success": done, "error": "" if done else "SERVICE_UNAVAILABLE", "message": self._store.problem}
        return msgspec.json.encode(reply | self._figures())

    async def _flush_forever(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._settings.flush_s):
                    await self._full.wait()
            except TimeoutError:
                pass
            else:
                self._full.clear()
            await self._store.flush()
