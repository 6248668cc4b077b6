"""The tables as the TqSDK documents give them, in PostgreSQL: the same columns, and another program's statements work unchanged."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import asyncpg
import pytest
from tests.order_updates import an_event, an_update, filled
from tests.servers.postgres import PostgresServer

from tradepit.backends.store.sql import SqlStore
from tradepit.ports.store import Kept

# The documents' own statements; only the reserved word is quoted, without which PostgreSQL takes no such table.
DOCUMENTED = """
CREATE TABLE order_history (
    id VARCHAR PRIMARY KEY,           -- order_id
    exchange_order_id VARCHAR,
    portfolio_id VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    direction VARCHAR NOT NULL,
    "offset" VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    volume_orign INTEGER,
    volume_left INTEGER,
    filled_quantity INTEGER,
    limit_price DECIMAL,
    trade_price DECIMAL,
    insert_date_time BIGINT,
    created_at TIMESTAMP DEFAULT NOW(),
    updated_at TIMESTAMP DEFAULT NOW()
);
CREATE TABLE order_event (
    id SERIAL PRIMARY KEY,
    order_id VARCHAR NOT NULL,
    portfolio_id VARCHAR NOT NULL,
    status VARCHAR NOT NULL,          -- event_type
    msg JSONB,                        -- full order data
    created_at TIMESTAMP DEFAULT NOW()
);
"""
COLUMNS = """
SELECT column_name, ordinal_position, column_default, is_nullable, data_type, character_maximum_length, numeric_precision,
       numeric_scale, datetime_precision, udt_name
FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position
"""
CONSTRAINTS = """
SELECT contype, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = $1::text::regclass AND contype <> 'n' ORDER BY conname
"""
TABLES = ("order_history", "order_event")


@pytest.fixture
async def url(postgres_server: PostgresServer) -> str:
    return await postgres_server.create_database()


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    made = SqlStore(url)
    yield made
    await made.close()


@pytest.fixture
async def program(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Another program that knows nothing of tradepit."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    yield connection
    await connection.close()


async def test_the_tables_are_those_of_the_documents_to_the_letter(
    store: SqlStore, program: asyncpg.Connection, postgres_server: PostgresServer
) -> None:
    await store.connect()
    documented = await asyncpg.connect((await postgres_server.create_database()).replace("+asyncpg", ""))
    await documented.execute(DOCUMENTED)
    for table in TABLES:
        for query in (COLUMNS, CONSTRAINTS):
            ours, theirs = await program.fetch(query, table), await documented.fetch(query, table)
            assert ours == theirs
            assert theirs
    await documented.close()


async def test_the_statements_of_another_program_work_unchanged(store: SqlStore, program: asyncpg.Connection) -> None:
    await store.connect()
    await store.keep([filled(4)], [an_event(filled_quantity=4)])
    row = await program.fetchrow('SELECT * FROM order_history WHERE "offset" = $1 AND symbol = $2', "OPEN", "SHFE.rb2505")
    assert row is not None
    assert dict(row) | {"created_at": None, "updated_at": None} == {
        "id": "o1", "exchange_order_id": "X1", "portfolio_id": "1234567890", "symbol": "SHFE.rb2505", "direction": "BUY",
        "offset": "OPEN", "status": "ALIVE", "volume_orign": 10, "volume_left": 6, "filled_quantity": 4,
        "limit_price": Decimal("3500.0"), "trade_price": Decimal("3498.5"), "insert_date_time": 1_734_521_405_000_000_000,
        "created_at": None, "updated_at": None,
    }  # fmt: skip
    # The rows' own times are those that the database would have written itself.
    assert await program.fetchval("SELECT NOW()::timestamp - updated_at < interval '1 minute' FROM order_history")
    await program.execute(
        "INSERT INTO order_history VALUES ('o2', NULL, 'P', 'SHFE.rb2505', 'SELL', 'CLOSE', 'ALIVE', 5, 5, 0, 3500, NULL, 1)"
    )
    upsert = (
        'INSERT INTO order_history (id, portfolio_id, symbol, direction, "offset", status) VALUES ($1, $2, $3, $4, $5, $6) '
        "ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status, updated_at = NOW() RETURNING order_history.offset"
    )
    assert await program.fetchval(upsert, "o1", "1234567890", "SHFE.rb2505", "BUY", "OPEN", "FINISHED") == "OPEN"
    for _ in range(2):
        event = """INSERT INTO order_event (order_id, portfolio_id, status, msg) VALUES ('o1', 'P', 'CANCELLED', '{"a": 1}')"""
        await program.execute(event)
    found = await program.fetch(
        "SELECT id, status, msg->>'limit_price' AS price FROM order_event WHERE order_id = 'o1' ORDER BY id"
    )
    assert [tuple(each) for each in found] == [(1, "PARTIAL_FILL", "3500.0"), (2, "CANCELLED", None), (3, "CANCELLED", None)]
    assert [event.kind for event in await store.events("o1")] == ["PARTIAL_FILL", "CANCELLED", "CANCELLED"]


async def test_tables_with_another_program_s_rows_are_taken_over_as_they_are(
    store: SqlStore, program: asyncpg.Connection
) -> None:
    await program.execute(DOCUMENTED)
    await program.execute("CREATE TABLE alembic_version (version_num VARCHAR(32)); INSERT INTO alembic_version VALUES ('theirs')")
    await program.execute(
        "INSERT INTO order_history VALUES ('o1', 'X0', '1234567890', 'SHFE.rb2505', 'BUY', 'OPEN', 'FINISHED', 10, 0, 10)"
    )
    before = await program.fetchrow("SELECT created_at, filled_quantity, status FROM order_history")
    await store.connect()
    await store.keep([an_update(), filled(4)])
    assert await program.fetchrow("SELECT created_at, filled_quantity, status FROM order_history") == before
    assert await program.fetchval("SELECT version_num FROM alembic_version") == "theirs"
    assert await program.fetchval("SELECT version_num FROM tradepit_revision") == "0001"


async def test_a_row_that_another_program_makes_meanwhile_is_merged_not_overwritten(
    store: SqlStore, program: asyncpg.Connection
) -> None:
    await store.connect()
    # Its transaction is open while ours looks for the row and does not see it yet.
    async with program.transaction():
        await program.execute(
            "INSERT INTO order_history VALUES ('o1', 'X0', '1234567890', 'SHFE.rb2505', 'BUY', 'OPEN', 'FINISHED', 10, 4, 6)"
        )
        keeping = await _started(store)
    await keeping
    found = await store.order("o1")
    assert found is not None
    assert (found.status, found.filled_lots) == ("FINISHED", 6)


async def _started(store: SqlStore) -> asyncio.Task[Kept]:
    task = asyncio.create_task(store.keep([filled(4)]))
    await asyncio.sleep(0.3)
    assert not task.done()
    return task
