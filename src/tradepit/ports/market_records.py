"""The market's records: every tick as a row, and bars of seconds and minutes made of them, for other programs to query."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from tradepit.ports.store import Tables
from tradepit.trading.records.bars import Bar, BarLength
from tradepit.trading.records.tick_record import TickRecord

MarketTable = Literal["ticks", "bars_1s", "bars_1m"]


class StreamPlace(msgspec.Struct, frozen=True):
    """Where a symbol's stream of ticks stands: its publisher's run, the number within it, and that tick's instant (UTC ns)."""

    run: str
    sequence: int
    time_ns: int


class KeptTicks(msgspec.Struct, frozen=True, kw_only=True):
    """What came of telling ticks: how many rows are new or say more than before, and how many were known."""

    changed: int
    unchanged: int


class MarketRecords(Tables, Protocol):
    """Rows by symbol and instant. Everything is idempotent; reads see what was kept before, from whichever instance.

    After an outage it serves again by itself. Raises Unavailable or TimedOut: it may or may not be kept, so tell it again.
    """

    async def connect(self) -> None:
        """Connect, and bring the tables up to date if the settings allow it. Idempotent.

        Raises Unavailable, and ConfigError when the tables are of another revision and may not be migrated.
        """

    async def describe(self) -> str:
        """How old ticks are kept apart from new ones, in words: by partitions, by chunks of an extension, or not at all."""

    async def keep(self, ticks: Sequence[TickRecord], places: Mapping[str, StreamPlace] | None = None) -> KeptTicks:
        """Keep ticks and the bars they change, all of it or nothing; ``places`` are kept with them, by symbol.

        The order in which ticks are told does not matter: volumes of the ticks around a late one, and the bars of its second and
        minute, are made anew. Raises BadRequest.
        """

    async def keep_bars(self, bars: Sequence[Bar]) -> int:
        """Keep bars of a minute that others made of ticks which are not here (``count`` 0); how many say something new.

        What was made here of ticks is better known: where there is any in the minute, the bar is left out, and one that was kept is
        made anew as soon as there is. Raises BadRequest for other bars.
        """

    async def places(self) -> dict[str, StreamPlace]:
        """Where each symbol's stream stood when its newest ticks were kept."""

    async def ticks(self, symbol: str, start_ns: int, end_ns: int, *, limit: int = 0) -> list[TickRecord]:
        """Ticks from ``start_ns`` on, before ``end_ns`` (UTC), oldest first; the first ``limit`` of them, 0 for all."""

    async def bars(self, symbol: str, length: BarLength, start_ns: int, end_ns: int) -> list[Bar]:
        """Bars that begin from ``start_ns`` on, before ``end_ns`` (UTC), oldest first."""

    async def latest(self, symbol: str) -> TickRecord | None:
        """A symbol's newest tick, None when there is none."""

    async def newest_ns(self) -> int:
        """The instant of the newest tick there is, 0 without any."""

    async def drop_before(self, table: MarketTable, instant_ns: int) -> int:
        """Drop rows of before ``instant_ns``, a part of them at a time; how many rows or, where whole days can be dropped, parts
        were dropped, 0 when nothing is left to drop. Whole days stay until all of them is older.
        """
