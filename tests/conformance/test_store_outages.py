"""What the SQL store promises while its server dies, freezes or is locked: all is kept once, and it serves again by itself."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest
from tests.order_updates import an_event, an_update, filled
from tests.patience import PATIENCE_S, at_last, until
from tests.servers.ports import free_port
from tests.servers.postgres import PostgresServer

from tradepit.backends.store.sql import SqlStore
from tradepit.trading.model.errors import ConfigError, TimedOut, Unavailable
from tradepit.trading.orders.order_record import OrderEvent, OrderUpdate


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def join(stack: AsyncExitStack, url: str, *, timeout_s: float = PATIENCE_S) -> SqlStore:
    store = SqlStore(url, timeout_s=timeout_s)
    await at_last(store.connect)
    stack.push_async_callback(store.close)
    return store


async def test_a_killed_server_loses_and_doubles_nothing(own_postgres_server: PostgresServer, stack: AsyncExitStack) -> None:
    own_postgres_server.start()
    url = await own_postgres_server.create_database()
    stores = [await join(stack, url) for _ in range(2)]
    ended, sent = asyncio.Event(), [0, 0]

    async def write(number: int) -> None:
        while not ended.is_set():
            order_id = f"o{number}-{sent[number]}"
            updates: list[OrderUpdate] = [an_update(order_id), filled(10, order_id=order_id)]
            events: list[OrderEvent] = [an_event("COMPLETE_FILL", order_id=order_id)]
            await stores[number].keep(updates, events)
            sent[number] += 1

    writers = [asyncio.create_task(write(number)) for number in range(2)]
    for down_s in (0.0, 0.3, 1.0):
        written = min(sent)
        await until(lambda written=written: min(sent) >= written + 3)  # type: ignore[misc]  # bound where it is made
        await asyncio.to_thread(own_postgres_server.kill)
        await asyncio.sleep(down_s)
        await asyncio.to_thread(own_postgres_server.start)
    ended.set()
    await asyncio.gather(*writers)
    told = sum(sent)
    orders = await stores[0].orders("1234567890")
    assert (len(orders), {(order.status, order.filled_lots) for order in orders}) == (told, {("FINISHED", 10)})
    program = await asyncpg.connect(url.replace("+asyncpg", ""))
    assert await program.fetchval("SELECT count(*) FROM order_event") == told
    assert await program.fetchval("SELECT count(DISTINCT order_id) FROM order_event") == told
    await program.close()


async def test_a_dead_server_is_unavailable_and_no_outage_is_too_long(
    own_postgres_server: PostgresServer, stack: AsyncExitStack
) -> None:
    own_postgres_server.start()
    store = await join(stack, await own_postgres_server.create_database(), timeout_s=0.3)
    await asyncio.to_thread(own_postgres_server.kill)
    for _ in range(5):
        with pytest.raises(Unavailable):
            await store.keep([an_update()])
    await asyncio.to_thread(own_postgres_server.start)
    await at_last(lambda: store.keep([an_update()]))
    assert await at_last(lambda: store.order("o1")) is not None


async def test_a_frozen_server_times_out_and_serves_again(own_postgres_server: PostgresServer, stack: AsyncExitStack) -> None:
    own_postgres_server.start()
    store = await join(stack, await own_postgres_server.create_database(), timeout_s=0.5)
    await at_last(lambda: store.keep([an_update()]))
    own_postgres_server.pause()
    answers = await asyncio.gather(*(store.keep([filled(lots)]) for lots in range(1, 9)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {TimedOut}
    own_postgres_server.resume()
    await at_last(lambda: store.keep([filled(9)]))
    found = await at_last(lambda: store.order("o1"))
    assert found is not None
    assert found.filled_lots == 9


async def test_ended_connections_are_replaced(own_postgres_server: PostgresServer, stack: AsyncExitStack) -> None:
    own_postgres_server.start()
    url = await own_postgres_server.create_database()
    store = await join(stack, url)
    program = await asyncpg.connect(url.replace("+asyncpg", ""))
    for lots in range(1, 6):
        await program.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        assert (await store.keep([filled(lots)])).changed == 1
    await program.close()


async def test_a_row_that_another_holds_is_waited_for_within_the_deadline(
    own_postgres_server: PostgresServer, stack: AsyncExitStack
) -> None:
    own_postgres_server.start()
    url = await own_postgres_server.create_database()
    store, hasty = await join(stack, url), await join(stack, url, timeout_s=0.5)
    await store.keep([an_update()])
    program = await asyncpg.connect(url.replace("+asyncpg", ""))
    async with program.transaction():
        await program.execute("SELECT * FROM order_history FOR UPDATE")
        with pytest.raises(TimedOut):
            await hasty.keep([filled(5)])
        assert (await store.keep([an_update("o2")])).changed == 1
    await program.close()
    assert (await store.keep([filled(5)])).changed == 1


async def test_a_wrong_password_or_database_is_told_without_the_secret(own_postgres_server: PostgresServer) -> None:
    own_postgres_server.start()
    for url in (
        own_postgres_server.url.replace(own_postgres_server.password, "not-the-secret"),
        own_postgres_server.url_of("none"),
    ):
        store = SqlStore(url)
        with pytest.raises(ConfigError) as told:
            await store.connect()
        await store.close()
        assert "not-the-secret" not in str(told.value)
        assert own_postgres_server.password not in str(told.value) + repr(told.value.details)


async def test_nobody_at_the_address_is_unavailable(stack: AsyncExitStack) -> None:
    store = SqlStore(f"postgresql+asyncpg://me:my-secret@127.0.0.1:{free_port()}/db", timeout_s=0.2)
    stack.push_async_callback(store.close)
    with pytest.raises(Unavailable) as told:
        await store.connect()
    assert "my-secret" not in str(told.value) + str(told.value.__cause__)


async def test_a_file_that_another_program_holds_is_waited_for_within_the_deadline(tmp_path: Path, stack: AsyncExitStack) -> None:
    path = tmp_path / "store.db"
    store, hasty = [await join(stack, f"sqlite+aiosqlite:///{path}", timeout_s=patience_s) for patience_s in (PATIENCE_S, 0.5)]
    await store.keep([an_update()])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Unavailable):
        await hasty.keep([filled(5)])
    # Who only reads need not wait for who writes.
    assert await store.order("o1") is not None
    other.execute("ROLLBACK")
    other.close()
    assert (await store.keep([filled(5)])).changed == 1
    found = await store.order("o1")
    assert found is not None
    assert found.filled_lots == 5


async def test_a_file_that_is_no_database_is_an_error_of_ours(tmp_path: Path, stack: AsyncExitStack) -> None:
    (tmp_path / "store.db").write_text("this is no database, and it is long enough to be seen as none" * 20)
    store = SqlStore(f"sqlite+aiosqlite:///{tmp_path / 'store.db'}", timeout_s=0.5)
    stack.push_async_callback(store.close)
    with pytest.raises(ConfigError):
        await store.connect()
