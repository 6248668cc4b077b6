"""The market's records in a SQL database: ticks and bars, on SQLite and PostgreSQL, partitioned by day or a hypertable there."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tradepit.backends.store.migrated import MigratedDatabase
from tradepit.backends.store.put_rows import put_rows
from tradepit.backends.store.record_steps import RECORD_STEPS
from tradepit.backends.store.record_tables import BARS, PLACES, TICKS
from tradepit.backends.store.tick_days import TickDays
from tradepit.backends.store.tick_rows import put_bars, put_ticks, tick_of
from tradepit.backends.store.tick_spans import find_around, find_bars
from tradepit.ports.market_records import KeptTicks, MarketTable, StreamPlace
from tradepit.ports.store import SchemaStatus
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.records.bars import LENGTHS_NS, Bar, BarLength, bars_of_bars, bars_of_ticks, start_of
from tradepit.trading.records.tick_record import TickRecord, is_later, one_of_each, with_volumes

_SLICE = 10_000
_MAX_NS = 2**63 - 1
_MINUTE_NS = LENGTHS_NS["1m"]


class SqlMarketRecords:
    """One member's view of a database; any number of them may read, and write different symbols, at once.

    ``migrates``: ``connect`` may change the tables.
    """

    def __init__(self, url: str, *, migrates: bool = True, timeout_s: float = 5.0) -> None:
        self._database = MigratedDatabase(url, RECORD_STEPS, migrates=migrates, timeout_s=timeout_s)
        self._days, self._looked = TickDays(), False

    async def connect(self) -> None:
        await self._database.connect()
        if not self._looked:
            await self._database.read(self._days.look)
            self._looked = True

    async def schema(self) -> SchemaStatus:
        return await self._database.schema()

    async def migrate(self) -> SchemaStatus:
        return await self._database.migrate()

    async def describe(self) -> str:
        return await self._database.read(self._days.describe)

    async def keep(self, ticks: Sequence[TickRecord], places: Mapping[str, StreamPlace] | None = None) -> KeptTicks:
        told = one_of_each(map(_check, ticks))
        by_symbol: dict[str, list[TickRecord]] = {}
        for tick in told.values():
            by_symbol.setdefault(tick.symbol, []).append(tick)

        async def work(connection: AsyncConnection) -> KeptTicks:
            await self._days.prepare(connection, (tick.time_ns for tick in told.values()))
            changed = await _keep_ticks(connection, by_symbol) if by_symbol else 0
            await _keep_places(connection, places or {})
            return KeptTicks(changed=changed, unchanged=len(told) - changed)

        return await self._database.write(work)

    async def keep_bars(self, bars: Sequence[Bar]) -> int:
        told = {(bar.symbol, bar.start_ns): bar for bar in map(_check_bar, bars)}

        async def work(connection: AsyncConnection) -> int:
            spans: dict[str, tuple[int, int]] = {}
            for symbol, start_ns in sorted(told):
                spans[symbol] = (spans.get(symbol, (start_ns, 0))[0], start_ns + _MINUTE_NS)
            known = {(bar.symbol, bar.start_ns): bar for bar in await find_bars(connection, "1m", spans)}
            news = [bar for key, bar in told.items() if key not in known or (known[key].count == 0 and known[key] != bar)]
            await put_bars(connection, "1m", news)
            return len(news)

        return await self._database.write(work) if told else 0

    async def places(self) -> dict[str, StreamPlace]:
        async def work(connection: AsyncConnection) -> dict[str, StreamPlace]:
            return {row.symbol: StreamPlace(row.run, row.sequence, row.ts) for row in await connection.execute(sa.select(PLACES))}

        return await self._database.read(work)

    async def ticks(self, symbol: str, start_ns: int, end_ns: int, *, limit: int = 0) -> list[TickRecord]:
        query = _ticks(symbol).where(TICKS.c.ts >= _whole(start_ns), TICKS.c.ts < _whole(end_ns)).order_by(TICKS.c.ts)
        return await self._find_ticks(query.limit(limit) if limit else query)

    async def bars(self, symbol: str, length: BarLength, start_ns: int, end_ns: int) -> list[Bar]:
        spans = {symbol: (_whole(start_ns), _whole(end_ns))}
        return await self._database.read(lambda connection: find_bars(connection, length, spans))

    async def latest(self, symbol: str) -> TickRecord | None:
        found = await self._find_ticks(_ticks(symbol).order_by(TICKS.c.ts.desc()).limit(1))
        return found[0] if found else None

    async def newest_ns(self) -> int:
        async def work(connection: AsyncConnection) -> int:
            newest = (await connection.execute(sa.select(sa.func.max(TICKS.c.ts)))).scalar()
            return newest or 0

        return await self._database.read(work)

    async def drop_before(self, table: MarketTable, instant_ns: int) -> int:
        if table == "ticks" and self._days.whole_days:
            return await self._database.write(lambda connection: self._days.drop_before(connection, instant_ns))
        rows = TICKS if table == "ticks" else BARS["1s" if table == "bars_1s" else "1m"]
        return await self._database.write(lambda connection: delete_slice(connection, rows, rows.c.ts < instant_ns, rows.c.ts))

    async def close(self) -> None:
        await self._database.close()

    async def _find_ticks(self, query: sa.Select[Any]) -> list[TickRecord]:
        async def work(connection: AsyncConnection) -> list[TickRecord]:
            return [tick_of(row) for row in await connection.execute(query)]

        return await self._database.read(work)


async def delete_slice(
    connection: AsyncConnection, table: sa.Table, condition: sa.ColumnElement[bool], order: sa.Column[Any]
) -> int:
    """Delete the oldest rows of those that meet the condition, at most some thousands; how many."""
    key = list(table.primary_key)
    oldest = sa.select(*key).where(condition).order_by(order).limit(_SLICE)
    return (await connection.execute(sa.delete(table).where(sa.tuple_(*key).in_(oldest)))).rowcount


async def _keep_ticks(connection: AsyncConnection, told: Mapping[str, list[TickRecord]]) -> int:
    """Merge ticks, by symbol and in the order of time, into those that are there; how many rows say something new."""
    around = await find_around(connection, {symbol: (ticks[0].time_ns, ticks[-1].time_ns) for symbol, ticks in told.items()})
    changed: list[TickRecord] = []
    touched: list[TickRecord] = []
    news = 0
    for symbol, ticks in told.items():
        known, former = around[symbol]
        rows = {tick.time_ns: tick for tick in known}
        merged = dict(rows)
        for tick in ticks:
            before = merged.get(tick.time_ns)
            if before is None or is_later(tick, before):
                merged[tick.time_ns] = tick
                news += 1
        ordered = with_volumes((merged[time_ns] for time_ns in sorted(merged)), former)
        different = [tick for tick in ordered if rows.get(tick.time_ns) != tick]
        seconds = {start_of(tick.time_ns, "1s") for tick in different}
        changed += different
        touched += [tick for tick in ordered if start_of(tick.time_ns, "1s") in seconds]
    await put_ticks(connection, changed)
    await _keep_bars(connection, touched)
    return news


async def _keep_bars(connection: AsyncConnection, ticks: list[TickRecord]) -> None:
    """Make bars anew: of seconds from all their ticks, of minutes from all their seconds."""
    seconds = bars_of_ticks(ticks, "1s")
    await put_bars(connection, "1s", seconds)
    minutes = {(bar.symbol, start_of(bar.start_ns, "1m")) for bar in seconds}
    spans: dict[str, tuple[int, int]] = {}
    for symbol, start_ns in sorted(minutes):
        spans[symbol] = (spans.get(symbol, (start_ns, 0))[0], start_ns + _MINUTE_NS)
    shorter = await find_bars(connection, "1s", spans)
    within = (bar for bar in shorter if (bar.symbol, start_of(bar.start_ns, "1m")) in minutes)
    await put_bars(connection, "1m", bars_of_bars(within, "1m"))


async def _keep_places(connection: AsyncConnection, places: Mapping[str, StreamPlace]) -> None:
    if not places:
        return
    rows = [
        {"symbol": symbol, "run": place.run, "sequence": place.sequence, "ts": place.time_ns}
        for symbol, place in sorted(places.items())
    ]
    await put_rows(connection, PLACES, rows)


def _check_bar(bar: Bar) -> Bar:
    """The bar itself when it may be kept beside those that are made here. Raises BadRequest."""
    if bar.count or not 0 < bar.start_ns <= _MAX_NS or bar.start_ns % _MINUTE_NS:
        raise BadRequest("a bar of others' must be a whole minute, and of no ticks", symbol=bar.symbol, start_ns=bar.start_ns)
    return bar


def _ticks(symbol: str) -> sa.Select[Any]:
    return sa.select(TICKS).where(TICKS.c.symbol == symbol)


def _whole(time_ns: int) -> int:
    """The first whole microsecond from an instant on."""
    return -(-time_ns // 1_000) * 1_000


def _check(tick: TickRecord) -> TickRecord:
    """The tick itself when every store can keep it, its instant in whole microseconds. Raises BadRequest."""
    if not 0 < tick.time_ns <= _MAX_NS or tick.time_ns % 1_000:
        raise BadRequest("a tick's instant must be in whole microseconds", symbol=tick.symbol, time_ns=tick.time_ns)
    return tick
