"""The promises of the store, kept on SQLite and PostgreSQL; see ports/store.py."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import create_async_engine
from tests.order_updates import NOON_NS, an_event, an_update, filled, updates
from tests.sql_world import SqlWorld

from tradepit.backends.store.sql import SqlStore
from tradepit.backends.store.tables import METADATA
from tradepit.ports.store import Kept
from tradepit.trading.model.errors import BadRequest, ConfigError, Unavailable
from tradepit.trading.orders.order_record import OrderEvent, OrderUpdate, merge_all

PORTFOLIO = "1234567890"
ROWS = 'SELECT id, exchange_order_id, direction, "offset", status, volume_left, filled_quantity FROM order_history ORDER BY id'


class World(SqlWorld[SqlStore]):
    """Its members are stores of orders."""

    def __init__(self, url: str) -> None:
        super().__init__(url, SqlStore)


@pytest.fixture(params=["sqlite", "postgresql"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "sqlite":
        (tmp_path / "folder").mkdir()
        made = World(f"sqlite+aiosqlite:///{tmp_path / 'folder' / 'store.db'}")
    else:
        made = World(await request.getfixturevalue("postgres_server").create_database())
    async with AsyncExitStack() as stack:
        yield made
        for store in made.members:
            stack.push_async_callback(store.close)


async def test_what_one_member_keeps_another_finds(world: World) -> None:
    one, two = await world.join(), await world.join()
    assert await one.keep([an_update()], [an_event("ACCEPTED")]) == Kept(changed=1, unchanged=0, events=1)
    found = await two.order("o1")
    assert found is not None
    assert (found.symbol, found.side, found.offset, found.status, found.left_lots) == ("SHFE.rb2505", "BUY", "OPEN", "ALIVE", 10)
    assert (found.limit_price, found.trade_price, found.inserted_ns) == (Decimal("3500.0"), None, NOON_NS)
    assert await two.order("nobody") is None
    assert [(event.kind, json.loads(event.body)["order_id"]) for event in await two.events("o1")] == [("ACCEPTED", "o1")]


async def test_an_older_update_undoes_nothing(world: World) -> None:
    store = await world.join()
    await store.keep([filled(10, after_s=5)])
    before = await store.order("o1")
    for older in (an_update(), filled(4, after_s=1), filled(4, after_s=9), an_update(told_ns=2**62)):
        await store.keep([older])
        found = await store.order("o1")
        assert (before, found) != (None, None)
        assert (found.status, found.finished, found.filled_lots, found.left_lots) == ("FINISHED", True, 10, 0)  # type: ignore[union-attr]  # it is not None


async def test_a_late_fill_raises_the_volume_of_a_cancelled_order_and_does_not_reopen_it(world: World) -> None:
    store = await world.join()
    await store.keep([filled(3, after_s=5, status="FINISHED", finished=True)])
    assert await store.keep([filled(5, after_s=4, trade_price=Decimal("3498.6"))]) == Kept(changed=1, unchanged=0, events=0)
    found = await store.order("o1")
    assert found is not None
    assert (found.status, found.filled_lots, found.left_lots, found.trade_price) == ("FINISHED", 5, 5, Decimal("3498.6"))


async def test_a_repeated_message_changes_nothing(world: World) -> None:
    store = await world.join()
    told = [filled(3)], [an_event(filled_quantity=3), an_event(filled_quantity=5), an_event(filled_quantity=3)]
    assert await store.keep(*told) == Kept(changed=1, unchanged=0, events=2)
    [before] = await world.sql("SELECT updated_at FROM order_history")
    assert await store.keep(*told) == Kept(changed=0, unchanged=1, events=0)
    assert await world.sql("SELECT updated_at FROM order_history") == [before]
    assert await world.sql("SELECT count(*) FROM order_event") == [(2,)]
    assert await store.keep([], []) == Kept(changed=0, unchanged=0, events=0)


async def test_an_event_told_again_at_another_time_is_the_same_where_its_maker_says_so(world: World) -> None:
    store = await world.join()
    await store.keep([], [an_event(identity="3/False", timestamp="10:30:05"), an_event("CANCELLED", identity="3/False")])
    assert (await store.keep([], [an_event(identity="3/False", timestamp="10:31:00")])).events == 0
    assert (
        await store.keep([], [an_event(identity="5/False", order_id="o1"), an_event(identity="3/False", order_id="o2")])
    ).events == 2
    assert [json.loads(event.body).get("timestamp") for event in await store.events("o1")] == ["10:30:05", None, None]


async def test_the_same_body_with_its_keys_in_another_order_is_the_same_event(world: World) -> None:
    store = await world.join()
    one = OrderEvent(order_id="o1", portfolio_id="P", kind="X", body=b'{"a": 1, "b": 2}')
    assert (await store.keep([], [one, msgspec.structs.replace(one, body=b'{"b":2,"a":1}')])).events == 1


async def test_orders_of_a_portfolio_and_those_that_may_still_trade(world: World) -> None:
    store = await world.join()
    await store.keep(
        [
            an_update("b"),
            filled(10, order_id="a"),
            an_update("c", status="REJECTED", finished=True),
            an_update("d", portfolio_id="2"),
        ]
    )
    assert [order.order_id for order in await store.orders(PORTFOLIO)] == ["a", "b", "c"]
    assert [order.order_id for order in await store.orders(PORTFOLIO, unfinished=True)] == ["b"]


async def test_large_batches_are_kept_whole(world: World) -> None:
    store = await world.join()
    ids = [f"o{number:05}" for number in range(1200)]
    kept = await store.keep([an_update(name) for name in ids], [an_event(order_id=name) for name in ids])
    assert kept == Kept(changed=1200, unchanged=0, events=1200)
    kept = await store.keep([filled(10, order_id=name) for name in ids[::2]] + [an_update(name) for name in ids])
    assert kept == Kept(changed=600, unchanged=600, events=0)
    assert len(await store.orders(PORTFOLIO, unfinished=True)) == 600


@pytest.mark.parametrize(
    "update",
    [
        an_update(""), an_update("o\0"), an_update("x" * 257), an_update(volume_lots=2**31), an_update(filled_lots=-1),
        an_update(limit_price=Decimal("NaN")), an_update(limit_price=Decimal("0.1234567890123456")), an_update(told_ns=2**63),
        an_update(limit_price=Decimal("1e300")), an_update(side="\ud800"), an_update(exchange_order_id="a\nb"),
    ],
)  # fmt: skip
async def test_what_no_table_can_hold_is_refused_and_nothing_of_it_kept(world: World, update: OrderUpdate) -> None:
    store = await world.join()
    with pytest.raises(BadRequest):
        await store.keep([an_update("good"), update], [an_event()])
    assert (await store.orders(PORTFOLIO), await store.events("o1")) == ([], [])


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"a": "\\u0000"}', b'{"\\ud800": 1}', b"[" * 100_000, b'"' + b"x" * 2**20 + b'"']
)
async def test_an_event_that_is_no_json_is_refused(world: World, body: bytes) -> None:
    store = await world.join()
    with pytest.raises(BadRequest):
        await store.keep([], [OrderEvent(order_id="o1", portfolio_id="P", kind="X", body=body)])
    await store.keep(
        [], [OrderEvent(order_id="o1", portfolio_id="P", kind="X", body=b'{"path": "c:\\\\u0000", "name": "\\u4e2d"}')]
    )
    [kept] = await store.events("o1")
    assert json.loads(kept.body) == {"path": "c:\\u0000", "name": "中"}


async def test_forgotten_rows_can_be_told_again(world: World) -> None:
    store = await world.join()
    told = [an_update("a"), filled(10, order_id="a"), filled(3, order_id="b"), an_update("c", portfolio_id="2")]
    events = [an_event(order_id="a"), an_event(order_id="b")]
    await store.keep(told, events)
    before = await world.sql(ROWS)
    assert await store.forget(PORTFOLIO) == 2
    assert [row[0] for row in await world.sql(ROWS)] == ["c"]
    assert await store.keep(told, events) == Kept(changed=2, unchanged=1, events=2)
    assert await world.sql(ROWS) == before


async def test_rows_deleted_by_another_program_are_made_again(world: World) -> None:
    store = await world.join()
    await store.keep([filled(10)])
    await world.sql("DELETE FROM order_history")
    assert (await store.keep([an_update()])).changed == 1
    assert [(row[0], row[4], row[6]) for row in await world.sql(ROWS)] == [("o1", "ALIVE", 0)]


async def test_rows_of_another_program_are_newer_by_what_they_say(world: World) -> None:
    store = await world.join()
    await world.sql(
        'INSERT INTO order_history (id, portfolio_id, symbol, direction, "offset", status, volume_orign, volume_left, filled_quantity)'
        " VALUES ('o1', '1234567890', 'SHFE.rb2505', 'BUY', 'OPEN', 'FINISHED', 10, 6, 4),"
        " ('o2', '1234567890', 'SHFE.rb2505', 'BUY', 'OPEN', 'ALIVE', NULL, NULL, NULL)"
    )
    await store.keep([filled(3), filled(3, order_id="o2")])
    rows = {row[0]: (row[1], *row[4:]) for row in await world.sql(ROWS)}
    assert rows == {"o1": ("X1", "FINISHED", 6, 4), "o2": ("X1", "ALIVE", 7, 3)}
    assert [order.order_id for order in await store.orders(PORTFOLIO, unfinished=True)] == ["o2"]


async def test_any_number_of_members_may_write_the_same_orders_at_once(world: World) -> None:
    members = [await world.join() for _ in range(4)]
    random = Random(7)
    ids = [f"o{number}" for number in range(12)]
    told = [filled(lots, after_s=lots, order_id=name) for name in ids for lots in range(11)]
    events = [an_event(order_id=name, filled_quantity=lots) for name in ids for lots in range(1, 11)]

    async def write(store: SqlStore) -> int:
        mine = random.sample(told, len(told))
        new = 0
        for start in range(0, len(mine), 11):
            new += (await store.keep(mine[start : start + 11], random.sample(events, 25))).events
        return new + (await store.keep([], events)).events

    assert sum(await asyncio.gather(*map(write, members))) == len(events)
    assert await members[0].orders(PORTFOLIO) == list(merge_all(told).values())
    assert await world.sql("SELECT count(*) FROM order_event") == [(len(events),)]


async def test_any_order_and_repetition_of_updates_gives_the_same_rows(world: World) -> None:
    members = [await world.join(), await world.join()]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(told=updates(["a", "b", "c"]), random=st.randoms(use_true_random=False), size=st.integers(min_value=1, max_value=5))
    def example(told: list[OrderUpdate], random: Random, size: int) -> None:
        examples.append((told, random.sample(told * 2, len(told) * 2), size))

    examples: list[tuple[list[OrderUpdate], list[OrderUpdate], int]] = []
    example()
    for number, (told, shuffled, size) in enumerate(examples):
        # Each example has orders of its own, so that they need not wait for one another's rows to be forgotten.
        named = [
            msgspec.structs.replace(each, order_id=f"{number}-{each.order_id}", portfolio_id=f"P{number}") for each in shuffled
        ]
        for start in range(0, len(named), size):
            await members[start % 2].keep(named[start : start + size])
        expected = merge_all(
            msgspec.structs.replace(each, order_id=f"{number}-{each.order_id}", portfolio_id=f"P{number}") for each in told
        )
        assert await members[0].orders(f"P{number}") == list(expected.values())


async def test_tables_that_may_not_be_migrated_are_refused_and_left_alone(world: World) -> None:
    careful = world.member(migrates=False)
    assert (await careful.schema()).missing == ("0001",)
    with pytest.raises(ConfigError, match="tradepit store migrate"):
        await careful.connect()
    assert (await careful.schema()).current == ""
    assert (await careful.migrate()).up_to_date
    await careful.connect()
    assert (await careful.migrate()).up_to_date


async def test_members_that_start_at_once_migrate_once(world: World) -> None:
    members = [world.member() for _ in range(5)]
    await asyncio.gather(*(member.connect() for member in members))
    assert [(await member.schema()).up_to_date for member in members] == [True] * 5


async def test_the_steps_lead_to_the_tables_that_the_store_speaks_of(world: World) -> None:
    await world.join()

    def compare(connection: sa.Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"include_object": lambda _, __, kind, ___, ____: kind != "index"})
        return [change for change in compare_metadata(context, METADATA) if "tradepit_revision" not in str(change)]

    engine = create_async_engine(world.url)
    async with engine.connect() as connection:
        assert await connection.run_sync(compare) == []
    await engine.dispose()


async def test_tables_of_a_newer_program_are_refused(world: World) -> None:
    await world.join()
    await world.sql("UPDATE tradepit_revision SET version_num = '9999'")
    with pytest.raises(ConfigError, match="newer"):
        await world.member().connect()


async def test_a_table_that_lacks_a_column_is_refused(world: World) -> None:
    await world.sql("CREATE TABLE order_event (id INTEGER PRIMARY KEY, order_id VARCHAR)")
    with pytest.raises(ConfigError, match="lacks columns") as told:
        await world.member().connect()
    assert told.value.details["lacking"] == "portfolio_id, status, msg, created_at"


async def test_a_closed_store_is_unavailable(world: World) -> None:
    store = await world.join()
    await store.close()
    await store.close()
    with pytest.raises(Unavailable):
        await store.order("o1")
    await store.connect()
    assert await store.order("o1") is None


async def test_the_written_numbers_and_texts_are_what_other_programs_read(world: World) -> None:
    store = await world.join()
    await store.keep([filled(10, limit_price=Decimal("3500.2"), trade_price=Decimal("0.000000001"))])
    [row] = await world.sql(
        "SELECT limit_price, trade_price, insert_date_time, volume_orign, status, created_at IS NOT NULL, updated_at IS NOT NULL"
        " FROM order_history WHERE limit_price > 3500.1 AND limit_price < 3500.3 AND volume_left = 0"
    )
    assert [Decimal(str(row[0])), Decimal(str(row[1])), *row[2:5], bool(row[5]), bool(row[6])] == [
        Decimal("3500.2"), Decimal("1E-9"), NOON_NS, 10, "FINISHED", True, True,
    ]  # fmt: skip


async def test_the_columns_are_those_that_the_contract_names(world: World) -> None:
    await world.join()
    engine = create_async_engine(world.url)
    async with engine.connect() as connection:
        found = await connection.run_sync(
            lambda sync: [column["name"] for column in sa.inspect(sync).get_columns("order_history")]
        )
    await engine.dispose()
    assert found == [
        "id", "exchange_order_id", "portfolio_id", "symbol", "direction", "offset", "status", "volume_orign", "volume_left",
        "filled_quantity", "limit_price", "trade_price", "insert_date_time", "created_at", "updated_at",
    ]  # fmt: skip
