"""How the table of ticks is found to be kept: by a stand-in of a database, since the extension is in no server that the tests can have.

``make timescale`` asks a real one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tradepit.backends.store.tick_days import TickDays

DAY_NS = 86_400_000_000_000
MONDAY_NS = 20_094 * DAY_NS  # 2025-01-06


class Found:
    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows, self.rowcount = rows, len(rows)

    def __iter__(self) -> Any:
        return iter(self._rows)

    def first(self) -> tuple[Any, ...] | None:
        return self._rows[0] if self._rows else None

    def scalar(self) -> Any:
        return self._rows[0][0] if self._rows else None


class StandIn:
    """Answers statements by a word in them; ``said`` are all it was told."""

    class dialect:  # noqa: N801 - as SQLAlchemy names it
        name = "postgresql"

    def __init__(self, **answers: list[tuple[Any, ...]]) -> None:
        self.answers = answers
        self.said: list[str] = []

    @asynccontextmanager
    async def begin_nested(self) -> AsyncIterator[None]:
        yield

    async def execute(self, statement: Any, parameters: Any = None) -> Found:
        text = str(statement)
        self.said.append(text)
        return next((Found(rows) for word, rows in self.answers.items() if word in text), Found([]))


async def looked(**answers: list[tuple[Any, ...]]) -> tuple[TickDays, Any]:
    days, database = TickDays(), StandIn(**answers)
    await days.look(database)  # type: ignore[arg-type]  # a stand-in
    return days, database


@pytest.mark.parametrize(
    ("answers", "keeping"),
    [
        ({"pg_extension": [(1,)], "hypertables": [(1,)]}, "hypertable"),
        ({"pg_extension": [(1,)], "relkind": [("p",)]}, "partitions"),
        ({"pg_extension": [(1,)], "relkind": [("r",)]}, "plain"),
        ({"relkind": [(b"p",)]}, "partitions"),
        ({"relkind": [("r",)]}, "plain"),
        ({}, "plain"),
    ],
)
async def test_the_table_is_looked_at_and_not_the_server_alone(answers: Any, keeping: str) -> None:
    days, _ = await looked(**answers)
    assert (days.keeping, days.whole_days) == (keeping, keeping != "plain")


async def test_chunks_are_dropped_by_the_extension_and_made_by_it() -> None:
    days, database = await looked(pg_extension=[(1,)], hypertables=[(1,)], drop_chunks=[(3,)], license=[("apache",)])
    assert await days.drop_before(database, MONDAY_NS) == 3
    await days.prepare(database, [MONDAY_NS])
    assert not any("PARTITION" in text or "LOCK" in text for text in database.said)
    assert await days.describe(database) == "hypertable, chunks of days (TimescaleDB, apache edition)"


async def test_partitions_are_made_for_the_days_that_lack_one_and_some_ahead() -> None:
    days, database = await looked(relkind=[("p",)], pg_inherits=[("ticks_d20250107",), ("ticks_rest",)])
    await days.prepare(database, [MONDAY_NS + 1])
    made = [text.split()[2] for text in database.said if text.startswith("CREATE TABLE")]
    assert made == ["ticks_d20250106", "ticks_d20250108"]
    # Rows that lay outside move before the partition is there.
    order = [text.split()[0] for text in database.said if text.split()[0] in ("CREATE", "WITH", "ALTER", "LOCK")]
    assert order == ["LOCK", "CREATE", "WITH", "ALTER", "CREATE", "WITH", "ALTER"]


async def test_only_days_that_are_older_as_a_whole_are_dropped() -> None:
    days, database = await looked(
        relkind=[("p",)],
        pg_inherits=[("ticks_d20250104",), ("ticks_d20250105",), ("ticks_d20250106",), ("ticks_rest",), ("theirs",)],
    )
    assert await days.drop_before(database, MONDAY_NS + DAY_NS // 2) == 2
    assert [text for text in database.said if text.startswith("DROP")] == [
        "DROP TABLE ticks_d20250104", "DROP TABLE ticks_d20250105",
    ]  # fmt: skip


async def test_an_extension_that_could_be_had_is_told_of() -> None:
    days, database = await looked(relkind=[("p",)], pg_available_extensions=[(1,)])
    assert (await days.describe(database)).endswith("CREATE EXTENSION before the tables are made")
