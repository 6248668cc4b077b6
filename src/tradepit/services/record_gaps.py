"""Ticks that the records lack: which stretches of which contracts, and fetching them from what the market recorder has written."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from loguru import logger

from tradepit.ports.bus import Bus
from tradepit.ports.clock import Clock
from tradepit.ports.market_records import MarketRecords
from tradepit.services.queue_worker import Figures
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.records.tick_record import TickRecord
from tradepit.wire.simulator import MARKET_RECORDER, instance_subject

Fetch = Callable[[str, int, int], Awaitable[list[TickRecord]]]
_TRIES = 10
_MOST = 5_000


class Gap(msgspec.Struct):
    """A contract's ticks are missing after ``after_ns``; the one at ``until_ns`` was told (UTC ns)."""

    after_ns: int
    until_ns: int
    tries: int = 0


class RecordGaps:
    """One stretch for each contract, from where it was whole last to the newest tick before which something is missing.

    It is closed once the recordings reach its end, and given up after ten looks at recordings that do not.
    """

    def __init__(self, records: MarketRecords, fetch: Fetch, clock: Clock, *, look_s: float) -> None:
        self._records, self._fetch, self._clock, self._look_s = records, fetch, clock, look_s
        self._open: dict[str, Gap] = {}
        self.found = self.closed = self.given_up = self.fetched = 0

    def is_open(self, symbol: str) -> bool:
        """True while ticks of the contract are missing that may still be had."""
        return symbol in self._open

    def add(self, symbol: str, after_ns: int, until_ns: int) -> None:
        """Ticks are missing after one instant, before the tick at another."""
        known = self._open.get(symbol)
        if known is None:
            self._open[symbol] = Gap(after_ns, until_ns)
            self.found += 1
        else:
            known.after_ns, known.until_ns = min(known.after_ns, after_ns), max(known.until_ns, until_ns)
            known.tries = 0

    def figures(self) -> Figures:
        """Progress."""
        return {
            "gaps_found": self.found,
            "gaps_open": len(self._open),
            "gaps_closed": self.closed,
            "gaps_given_up": self.given_up,
            "ticks_fetched": self.fetched,
        }

    async def run(self) -> None:
        """Fetch what is missing until cancelled."""
        while True:
            await self._clock.sleep(self._look_s)
            for symbol in list(self._open):
                try:
                    await self._close(symbol, self._open[symbol])
                except TradepitError as error:
                    logger.warning("ticks of {} wait to be fetched: {}", symbol, error)

    async def _close(self, symbol: str, gap: Gap) -> None:
        while ticks := await self._fetch(symbol, gap.after_ns, gap.until_ns):
            self.fetched += (await self._records.keep(ticks)).changed
            gap.after_ns = ticks[-1].time_ns
            if gap.after_ns >= gap.until_ns:
                del self._open[symbol]
                self.closed += 1
                logger.info("the ticks of {} that were missing have been fetched", symbol)
                return
        gap.tries += 1
        if gap.tries >= _TRIES:
            del self._open[symbol]
            self.given_up += 1
            logger.warning("ticks of {} from {} to {} were recorded by nobody", symbol, gap.after_ns, gap.until_ns)


class RecordingFetch:
    """Fetches from the recorders' folders under ``root``, once a recorder that lives has written what it holds."""

    def __init__(self, bus: Bus, root: Path, recorder: str = f"{MARKET_RECORDER}-1", *, timeout_s: float = 5.0) -> None:
        self._bus, self._root, self._timeout_s = bus, root, timeout_s
        self._sync = instance_subject(MARKET_RECORDER, recorder, "sync")

    async def __call__(self, symbol: str, after_ns: int, until_ns: int) -> list[TickRecord]:
        """The oldest ticks after one instant, up to another; none where nobody has recorded any."""
        from tradepit.runtime.tick_recordings import recorded_ticks  # noqa: PLC0415 - polars loads slowly

        try:
            await self._bus.request(self._sync, b"", timeout_s=self._timeout_s)
        except TradepitError as error:
            logger.debug("no recorder answers: {}", error)
        return await asyncio.to_thread(recorded_ticks, self._root, symbol, after_ns, until_ns, _MOST)
