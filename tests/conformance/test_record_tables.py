"""The tables of records as the bot platform's document gives them, and how a database comes to have them."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine
from tests.order_updates import an_event, an_update, filled
from tests.record_story import INTENT_UUID, a_story, batches, told_up_to
from tests.record_world import RecordWorld
from tests.servers.postgres import PostgresServer
from tests.tick_records import TEN_NS, a_tick

from tradepit.backends.store.record_tables import RECORDS
from tradepit.backends.store.sql import SqlStore
from tradepit.backends.store.trading import SqlTradingRecords
from tradepit.ports.trading_records import Choice
from tradepit.trading.model.errors import ConfigError
from tradepit.wire.record_tables import TABLES

ROOT = Path(__file__).resolve().parents[2]
# The document's own statements; a server without the extension knows no create_hypertable.
DOCUMENTED = """
CREATE TABLE IF NOT EXISTS ticks(
  ts timestamptz NOT NULL,
  symbol text NOT NULL,
  price numeric NOT NULL,
  volume numeric NOT NULL,
  PRIMARY KEY(ts, symbol)
);
CREATE TABLE IF NOT EXISTS orders(
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  bot_id uuid NOT NULL,
  symbol text NOT NULL,
  side text NOT NULL CHECK (side in ('buy','sell')),
  qty numeric NOT NULL,
  price numeric,
  status text NOT NULL DEFAULT 'new',
  provider_order_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS executions(
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  order_id uuid NOT NULL REFERENCES orders(id),
  fill_qty numeric NOT NULL,
  fill_price numeric NOT NULL,
  fee numeric NOT NULL DEFAULT 0,
  filled_at timestamptz NOT NULL DEFAULT now()
);
"""
COLUMNS = """
SELECT column_name, column_default, is_nullable, data_type, udt_name, numeric_precision, numeric_scale, datetime_precision
FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position
"""
CONSTRAINTS = """
SELECT contype, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = $1::text::regclass AND contype <> 'n' ORDER BY 1, 2
"""
FOREIGN_BOT = "99999999-0000-0000-0000-000000000001"


@pytest.fixture(params=["sqlite", "postgresql"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RecordWorld]:
    if request.param == "sqlite":
        made = RecordWorld(f"sqlite+aiosqlite:///{tmp_path / 'folder' / 'store.db'}")
    else:
        made = RecordWorld(await request.getfixturevalue("postgres_server").create_database())
    async with AsyncExitStack() as stack:
        yield made
        for member in made.members:
            stack.push_async_callback(member.close)


async def trading(world: RecordWorld, **how: Any) -> SqlTradingRecords:
    records = SqlTradingRecords(world.url, **{"timeout_s": 20.0, **how})
    world.members.append(records)
    await records.connect()
    return records


async def rows_of(records: SqlTradingRecords) -> int:
    for news in batches(a_story().entries, 100):
        await records.keep(news, told_up_to(news))
    return len(await records.orders(Choice()))


async def test_the_documented_columns_are_the_documents_to_the_letter(postgres_server: PostgresServer) -> None:
    ours, theirs = await postgres_server.create_database(), await postgres_server.create_database()
    records = SqlTradingRecords(ours)
    await records.connect()
    await records.close()
    mine = await asyncpg.connect(ours.replace("+asyncpg", ""))
    documented = await asyncpg.connect(theirs.replace("+asyncpg", ""))
    await documented.execute(DOCUMENTED)
    for table in ("ticks", "orders", "executions"):
        wanted = [tuple(row) for row in await documented.fetch(COLUMNS, table)]
        found = [tuple(row) for row in await mine.fetch(COLUMNS, table)]
        assert found[: len(wanted)] == wanted
        # All others may be left out.
        assert [row[0] for row in found[len(wanted) :] if row[1] is None and row[2] == "NO"] == []
        assert [tuple(row) for row in await mine.fetch(CONSTRAINTS, table)] == [
            tuple(row) for row in await documented.fetch(CONSTRAINTS, table)
        ]
    await mine.close()
    await documented.close()


async def test_another_programs_statements_work_unchanged(postgres_server: PostgresServer) -> None:
    url = await postgres_server.create_database()
    records = SqlTradingRecords(url)
    await records.connect()
    assert await rows_of(records) == 5
    program = await asyncpg.connect(url.replace("+asyncpg", ""))
    await program.execute(DOCUMENTED)
    order = await program.fetchrow(
        "INSERT INTO orders(bot_id, symbol, side, qty, price) VALUES ($1, 'VN30F1M', 'buy', 2, 1250.5) RETURNING *", FOREIGN_BOT
    )
    assert (order["status"], order["qty"], order["created_at"] is not None) == ("new", 2, True)
    fill = await program.fetchrow(
        "INSERT INTO executions(order_id, fill_qty, fill_price) VALUES ($1, 2, 1250.4) RETURNING *", order["id"]
    )
    assert (fill["fee"], fill["filled_at"] is not None) == (0, True)
    with pytest.raises(asyncpg.CheckViolationError):
        await program.execute("INSERT INTO orders(bot_id, symbol, side, qty) VALUES ($1, 'X', 'BUY', 1)", FOREIGN_BOT)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await program.execute("INSERT INTO executions(order_id, fill_qty, fill_price) VALUES (gen_random_uuid(), 1, 1)")
    await program.execute("INSERT INTO ticks VALUES (now(), 'VN30F1M', 1250.5, 3), ('1999-01-01+00', 'VN30F1M', 1, 1)")
    rows = await program.fetch(
        "SELECT o.bot_id, o.side, sum(e.fill_qty) AS qty FROM orders o JOIN executions e ON e.order_id = o.id GROUP BY 1, 2"
    )
    assert sum(row["qty"] for row in rows) == 15
    assert {row["side"] for row in rows} == {"buy", "sell"}
    # Theirs are no part of what the journal tells, and stay when it is told anew.
    assert len(await records.orders(Choice())) == 5
    assert len(await records.executions(Choice())) == 5
    await records.forget()
    assert await program.fetchval("SELECT count(*) FROM executions") == 1
    await program.close()
    await records.close()


async def test_tables_that_the_program_made_before_are_taken_with_their_rows(postgres_server: PostgresServer) -> None:
    url = await postgres_server.create_database()
    program = await asyncpg.connect(url.replace("+asyncpg", ""))
    await program.execute(DOCUMENTED)
    order_id = await program.fetchval(
        "INSERT INTO orders(bot_id, symbol, side, qty) VALUES ($1, 'VN30F1M', 'sell', 2) RETURNING id", FOREIGN_BOT
    )
    await program.execute("INSERT INTO executions(order_id, fill_qty, fill_price) VALUES ($1, 2, 1250.4)", order_id)
    await program.execute("INSERT INTO ticks VALUES ('2025-01-06 02:00:00.1+00', 'IF2501', 3901, 3)")
    world = RecordWorld(url)
    market, records = await world.join(), SqlTradingRecords(url)
    await records.connect()
    assert await rows_of(records) == 5
    await market.keep([a_tick(0, traded=10), a_tick(200, traded=12)])
    assert [(tick.price, tick.volume) for tick in await market.ticks("IF2501", TEN_NS, TEN_NS + 10**12)] == [
        (Decimal("3900.2"), 10), (Decimal(3901), 3), (Decimal("3900.2"), 2),
    ]  # fmt: skip
    # Their table has no partitions: rows go one by one.
    assert await market.drop_before("ticks", TEN_NS + 10**15) == 3
    assert await program.fetchval("SELECT count(*) FROM orders") == 6
    for member in (market, records):
        await member.close()
    await program.close()


async def test_a_database_of_orders_alone_is_migrated_with_its_rows(world: RecordWorld) -> None:
    store = SqlStore(world.url, timeout_s=120.0)
    await store.connect()
    await store.keep([an_update(), filled(10, order_id="o2")], [an_event(order_id="o2")])
    assert (await store.schema()).current == "0001"
    careful = SqlTradingRecords(world.url, migrates=False)
    world.members.append(careful)
    assert (await careful.schema()).missing == ("0002",)
    with pytest.raises(ConfigError, match="tradepit store migrate"):
        await careful.connect()
    records = await trading(world)
    assert await rows_of(records) == 5
    await careful.connect()
    # Whoever needs the former tables alone works on as before.
    assert (await store.schema()).up_to_date
    again = SqlStore(world.url, migrates=False, timeout_s=120.0)
    await again.connect()
    assert [order.order_id for order in await again.orders("1234567890")] == ["o1", "o2"]
    assert (await again.keep([filled(10)])).changed == 1
    for each in (store, again):
        await each.close()


async def test_the_steps_lead_to_the_tables_that_the_records_speak_of(world: RecordWorld) -> None:
    await (await world.join()).keep([a_tick()])

    def compare(connection: sa.Connection) -> list[Any]:
        mine = {table.name for table in RECORDS.sorted_tables}

        def chosen(_: object, name: str | None, kind: str, *__: object) -> bool:
            return kind == "column" or (kind == "table" and name in mine) or kind == "foreign_key_constraint"

        return list(compare_metadata(MigrationContext.configure(connection, opts={"include_object": chosen}), RECORDS))

    engine = create_async_engine(world.url)
    async with engine.connect() as connection:
        assert await connection.run_sync(compare) == []
        names = await connection.run_sync(
            lambda sync: {name: sa.inspect(sync).get_columns(name) for name in (t.name for t in TABLES)}
        )
    await engine.dispose()
    for table in TABLES:
        assert [column["name"] for column in names[table.name]] == [column.name for column in table.columns]


MIGRATOR = """
import asyncio, sys
from tradepit.backends.store.trading import SqlTradingRecords
async def main():
    records = SqlTradingRecords(sys.argv[1], timeout_s=120.0)
    await records.connect()
    print((await records.schema()).current)
    await records.close()
asyncio.run(main())
"""


async def test_processes_that_migrate_at_once_migrate_once(world: RecordWorld) -> None:
    store = SqlStore(world.url, timeout_s=120.0)
    await store.connect()
    await store.close()
    programs = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATOR, world.url, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
        for _ in range(2)
    ]
    assert [(await program.communicate())[0].strip() for program in programs] == [b"0002", b"0002"]
    assert [program.returncode for program in programs] == [0, 0]


async def test_ids_and_instants_of_sqlite_have_defaults_too(tmp_path: Path) -> None:
    world = RecordWorld(f"sqlite+aiosqlite:///{tmp_path / 'store.db'}")
    records = await trading(world)
    await world.sql(f"INSERT INTO orders(bot_id, symbol, side, qty) VALUES ('{FOREIGN_BOT}', 'VN30F1M', 'buy', 2)")
    [(order_id, created)] = await world.sql("SELECT id, created_at FROM orders")
    assert (len(order_id), order_id.count("-"), len(created)) == (36, 4, 26)
    assert await rows_of(records) == 5
    assert (await world.sql(f"SELECT count(*) FROM orders WHERE id = '{INTENT_UUID.lower()}'")) == [(1,)]
    await records.close()
