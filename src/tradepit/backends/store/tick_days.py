"""How the table of ticks is kept by days: partitions of PostgreSQL, chunks of TimescaleDB, or not at all."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa
from loguru import logger
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from tradepit.backends.store.record_tables import moment_of, ns_of

DAY_NS = 86_400_000_000_000
_AHEAD = 2
_PREFIX = "ticks_d"
_NOT_ALLOWED = "42501"
Keeping = Literal["plain", "partitions", "hypertable"]
_LOOK = sa.text("SELECT relkind FROM pg_class WHERE oid = to_regclass('ticks')")
_HYPERTABLE = sa.text("SELECT 1 FROM timescaledb_information.hypertables WHERE hypertable_name = 'ticks'")
_EXTENSION = sa.text("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")
_LICENCE = sa.text("SELECT current_setting('timescaledb.license')")
_AVAILABLE = sa.text("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb' AND installed_version IS NULL")
_PARTS = sa.text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass('ticks')")
_DELETE_REST = sa.text("DELETE FROM ticks_rest WHERE ts < :midnight")
_DROP_CHUNKS = sa.text("SELECT count(*) FROM drop_chunks('ticks', older_than => CAST(:before AS TIMESTAMPTZ))")


class TickDays:
    """What one member knows of the table; ``look`` once before all else. Days are of UTC."""

    def __init__(self) -> None:
        self.keeping: Keeping = "plain"
        self._made: set[str] = set()

    @property
    def whole_days(self) -> bool:
        """True when old rows go by whole days, without being looked at."""
        return self.keeping != "plain"

    async def look(self, connection: AsyncConnection) -> None:
        """Find out how the table is kept."""
        if connection.dialect.name != "postgresql":
            return
        if (await connection.execute(_EXTENSION)).first() and (await connection.execute(_HYPERTABLE)).first():
            self.keeping = "hypertable"
        elif (await connection.execute(_LOOK)).scalar() in ("p", b"p"):
            self.keeping = "partitions"
            self._made = set(await _parts(connection))

    async def describe(self, connection: AsyncConnection) -> str:
        """How the table is kept, and what the database could do besides."""
        if self.keeping == "hypertable":
            licence = (await connection.execute(_LICENCE)).scalar()
            return f"hypertable, chunks of days (TimescaleDB, {licence} edition)"
        words = "partitions by day" if self.keeping == "partitions" else "one plain table"
        if connection.dialect.name == "postgresql" and (await connection.execute(_AVAILABLE)).first():
            words += "; TimescaleDB could be had: CREATE EXTENSION before the tables are made"
        return words

    async def prepare(self, connection: AsyncConnection, instants_ns: Iterable[int]) -> None:
        """Make partitions for the days of these instants, and for some days ahead of the newest."""
        if self.keeping != "partitions":
            return
        days = {time_ns // DAY_NS for time_ns in instants_ns}
        if days:
            days |= {max(days) + ahead for ahead in range(1, _AHEAD + 1)}
        missing = sorted(day for day in days if _name_of(day) not in self._made)
        if not missing:
            return
        try:
            async with connection.begin_nested():
                await self._make(connection, missing)
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", "") != _NOT_ALLOWED:
                raise
            # Whoever may write rows and make no tables keeps them outside of the days.
            logger.warning("partitions of ticks cannot be made: {}", error.orig)
            self._made |= {_name_of(day) for day in missing}

    async def _make(self, connection: AsyncConnection, days: list[int]) -> None:
        # Others may be making the same ones; whoever comes second finds them.
        await connection.execute(sa.text("LOCK TABLE ticks IN SHARE UPDATE EXCLUSIVE MODE"))
        self._made = set(await _parts(connection))
        for day in days:
            if _name_of(day) not in self._made:
                await _make(connection, day)

    async def drop_before(self, connection: AsyncConnection, instant_ns: int) -> int:
        """Drop the days that are older as a whole, and what older rows lie outside of any; how many days, or rows."""
        if self.keeping == "hypertable":
            return int((await connection.execute(_DROP_CHUNKS, {"before": moment_of(instant_ns)})).scalar() or 0)
        old = [
            name for name in await _parts(connection) if (day := _day_of(name)) is not None and (day + 1) * DAY_NS <= instant_ns
        ]
        for name in old:
            await connection.execute(sa.text(f"DROP TABLE {name}"))
            self._made.discard(name)
        if old:
            return len(old)
        midnight = moment_of(instant_ns // DAY_NS * DAY_NS)
        return (await connection.execute(_DELETE_REST, {"midnight": midnight})).rowcount


async def _parts(connection: AsyncConnection) -> list[str]:
    return sorted(str(row[0]) for row in await connection.execute(_PARTS))


async def _make(connection: AsyncConnection, day: int) -> None:
    """A day's partition, with those rows in it that were kept outside of any."""
    name = _name_of(day)
    start, end = (moment_of(each * DAY_NS).isoformat() for each in (day, day + 1))
    await connection.execute(sa.text(f"CREATE TABLE {name} (LIKE ticks INCLUDING ALL)"))
    moved = f"DELETE FROM ticks_rest WHERE ts >= '{start}' AND ts < '{end}' RETURNING *"  # noqa: S608 - our own instants
    await connection.execute(sa.text(f"WITH moved AS ({moved}) INSERT INTO {name} SELECT * FROM moved"))  # noqa: S608 - as above
    await connection.execute(sa.text(f"ALTER TABLE ticks ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}')"))


def _name_of(day: int) -> str:
    return f"{_PREFIX}{moment_of(day * DAY_NS):%Y%m%d}"


def _day_of(name: str) -> int | None:
    text = name.removeprefix(_PREFIX)
    if text == name or not text.isdecimal():
        return None
    return ns_of(datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)) // DAY_NS
