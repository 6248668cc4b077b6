"""The newest ticks of contracts from before a bot began, for windows that are full from the first tick on."""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from pathlib import Path
from threading import Lock

from loguru import logger

from tradepit.ports.clock import Clock
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.tick import Tick

_MS = 1_000_000


class Tally:
    """Ticks of contracts, each instant of one once."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self.instruments = instruments
        # By the millisecond: not everybody who tells of the past knows more.
        self._found: dict[str, dict[int, Tick]] = {symbol: {} for symbol in instruments}

    def add(self, ticks: Iterable[Tick]) -> None:
        """Some more; of one millisecond the last told counts."""
        for tick in ticks:
            self._found[tick.symbol][tick.time_ns // _MS] = tick

    def count(self, symbol: str) -> int:
        """How many there are of a contract."""
        return len(self._found[symbol])

    def oldest_ns(self, symbol: str, otherwise_ns: int) -> int:
        """The instant of a contract's oldest (UTC ns), ``otherwise_ns`` without any."""
        return min(self._found[symbol], default=otherwise_ns // _MS) * _MS

    def newest(self) -> dict[str, Tick]:
        """The newest tick of each contract that has some."""
        return {symbol: found[max(found)] for symbol, found in self._found.items() if found}

    def in_order(self) -> list[Tick]:
        """All of them in the order of time."""
        return sorted((tick for found in self._found.values() for tick in found.values()), key=attrgetter("time_ns"))


class RecentTicks:
    """``recent_ticks`` for many bots that begin together: a contract's files are read once for all of them. From any thread.

    What was read is used for ``fresh_s`` seconds (of ``clock``); whoever needs more ticks of a contract than were read reads again.
    """

    def __init__(self, folder: Path, catalog: Catalog, clock: Clock, *, fresh_s: float = 2.0) -> None:
        self._folder, self._catalog, self._clock, self._fresh_ns = folder, catalog, clock, int(fresh_s * 1e9)
        self._lock = Lock()
        self._read: dict[str, tuple[int, int, list[Tick]]] = {}

    def before(self, symbols: Iterable[str], most: int, before_ns: int) -> list[Tick]:
        """Up to ``most`` ticks of each contract from before ``before_ns`` (UTC), all together in the order of time."""
        found: list[Tick] = []
        with self._lock:
            for symbol in symbols:
                found += self._of(symbol, most, before_ns)
        found.sort(key=attrgetter("time_ns"))
        return found

    def _of(self, symbol: str, most: int, before_ns: int) -> list[Tick]:
        now_ns = self._clock.monotonic_ns()
        read_ns, read_most, ticks = self._read.get(symbol, (0, 0, []))
        if read_most < most or now_ns - read_ns > self._fresh_ns:
            ticks = recent_ticks(self._folder, [symbol], most, self._catalog, before_ns)
            self._read[symbol] = (now_ns, most, ticks)
        return [tick for tick in ticks if tick.time_ns < before_ns][-most:]


def recent_ticks(folder: Path, symbols: Iterable[str], most: int, catalog: Catalog, before_ns: int) -> list[Tick]:
    """Up to ``most`` ticks of each contract from before ``before_ns`` (UTC), all together in the order of time.

    Reads the market recorder's segments, newest first. What cannot be read is passed over: a window that is short is no fault.
    """
    found: list[Tick] = []
    for symbol in symbols:
        found += _of_one(folder, symbol, most, catalog, before_ns)
    found.sort(key=attrgetter("time_ns"))
    return found


def _of_one(folder: Path, symbol: str, most: int, catalog: Catalog, before_ns: int) -> list[Tick]:
    from tradepit.runtime.tick_parquet import TickFile  # noqa: PLC0415 - polars is heavy

    ticks: dict[int, Tick] = {}
    # Several recorders may have written; days and segments are numbered, so names sort by time.
    for path in sorted(folder.rglob(f"{symbol}/*/part-*.parquet"), key=lambda path: path.parts[-2:], reverse=True):
        if len(ticks) >= most:
            break
        try:
            for batch in TickFile(path, catalog).batches():
                ticks |= {tick.time_ns: tick for tick in batch.ticks if tick.time_ns < before_ns}
        except TradepitError as error:
            logger.warning("{} cannot be used to warm up: {}", path, error)
    return [ticks[time_ns] for time_ns in sorted(ticks)[-most:]]
