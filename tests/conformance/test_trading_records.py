"""The promises of the records of trading, kept on SQLite and PostgreSQL; see ports/trading_records.py."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from tests.order_path import DAY, START_NS, an_intent, instrument
from tests.record_story import BOT_UUID, INTENT_UUID, NEXT_DAY, Story, a_story, batches, d, told_up_to
from tests.record_world import RecordWorld

from tradepit.backends.store.trading import SqlTradingRecords
from tradepit.ports.trading_records import Choice, KeptFold, Told
from tradepit.trading.ledger.statement import SettlementStatement
from tradepit.trading.model.errors import JournalConflict
from tradepit.trading.model.position import Position
from tradepit.trading.model.terms import Exchange, OrderStatus, Side
from tradepit.trading.orders import events as facts
from tradepit.trading.records.row_ids import NOBODY, bot_uuid, order_uuid, other_order_uuid
from tradepit.trading.records.rows import RiskEventRow

ALL = Choice()
TABLES = ("orders", "executions", "positions", "pnl", "risk_limits", "risk_events")


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


async def join(world: RecordWorld) -> SqlTradingRecords:
    records = SqlTradingRecords(world.url, timeout_s=120.0)
    world.members.append(records)
    await records.connect()
    return records


async def tell(records: SqlTradingRecords, story: Story, size: int = 100) -> None:
    for news in batches(story.entries, size):
        await records.keep(news, told_up_to(news))


async def everything(world: RecordWorld) -> dict[str, list[tuple[Any, ...]]]:
    return {table: sorted(await world.sql(f"SELECT * FROM {table}"), key=str) for table in TABLES}


async def test_a_story_becomes_rows(world: RecordWorld) -> None:
    records = await join(world)
    await tell(records, a_story())
    orders = {row.client_order_id: (row.status, row.filled_qty, row.left_qty, row.bot) for _, row in await records.orders(ALL)}
    assert orders == {
        INTENT_UUID: ("cancelled", 4, 0, "b1"),
        "cx2": ("filled", 3, 0, BOT_UUID),
        "cx3": ("filled", 2, 0, ""),
        "cx4": ("risk_rejected", 0, 0, "b1"),
        "cx5": ("filled", 4, 0, "b1"),
    }
    market, limit = await records.order("A1", "cx2"), await records.order("A1", "cx3")
    assert market is not None
    assert limit is not None
    assert (market.price, limit.price, limit.reference, limit.provider_order_id) == (None, d("3900"), "by hand", "V-cx3")
    assert limit.created_at < limit.updated_at
    fills = await records.executions(ALL)
    assert [(fill.order[1], fill.fill_qty, fill.fill_price, fill.fee) for fill in fills] == [
        (INTENT_UUID, 2, d("3900"), d("12.35")), (INTENT_UUID, 2, d("3900"), d("12.35")), ("cx2", 3, d("3908"), d("12.35")),
        ("cx3", 2, d("3898"), d("12.35")), ("cx5", 4, d("3904"), d("12.35")),
    ]  # fmt: skip
    positions = {row.bot: (row.lots, row.open_price, row.realized, row.fees) for row in await records.positions(ALL)}
    assert positions == {
        "": (2, d("3898"), 0, d("12.35")), "b1": (0, None, d("4800"), d("37.05")), BOT_UUID: (-3, d("3908"), 0, d("12.35")),
    }  # fmt: skip
    results = [(row.trading_day, row.bot, row.realized, row.mark_to_market, row.net, row.lots) for row in await records.pnl(ALL)]
    assert results == [
        (DAY, "", 0, d("2640"), d("2627.65"), 2), (DAY, BOT_UUID, 0, d("5040"), d("5027.65"), -3),
        (DAY, "b1", 0, d("2880"), d("2855.30"), 4), (NEXT_DAY, "", 0, None, None, 2), (NEXT_DAY, BOT_UUID, 0, None, None, -3),
        (NEXT_DAY, "b1", d("1920"), None, None, 0),
    ]  # fmt: skip
    assert [(row.scope, msgspec.json.decode(row.limits), row.who) for row in await records.limits()] == [
        ("bot:b1", {"order_size": {"max_lots": 3}}, "ann")
    ]
    told = [(row.kind, row.code, row.limit_value, row.value, row.who) for row in await records.risk_events()]
    assert told == [
        ("warned", "ABNORMAL", "500", "400", ""), ("state", "REDUCING", "", "", "bob"), ("limits", "", "", "", "ann"),
        ("refused", "TOO_MANY", "10", "11", ""),
    ]  # fmt: skip
    assert [row.kind for row in await records.risk_events(kind="state")] == ["state"]
    assert await records.told() == Told(entry=16, mark="m16", origin="o1")


async def test_ids_are_the_tokens_where_they_are_uuids_and_made_of_them_where_not(world: RecordWorld) -> None:
    records = await join(world)
    await tell(records, a_story())
    rows = await world.sql("SELECT CAST(id AS TEXT), CAST(bot_id AS TEXT), client_order_id, bot FROM orders")
    found = {row[2]: row for row in rows}
    assert found[INTENT_UUID][:2] == (INTENT_UUID.lower(), bot_uuid("b1"))
    assert found["cx2"][:2] == (order_uuid("A1", "cx2"), BOT_UUID)
    assert found["cx3"][1] == NOBODY
    [(events, orders)] = await world.sql(
        "SELECT count(*), count(orders.id) FROM risk_events LEFT JOIN orders ON orders.id = risk_events.order_id WHERE kind = 'refused'"
    )
    assert (events, orders) == (1, 1)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_in_groups_of_any_size_the_rows_are_the_same(world: RecordWorld, size: int) -> None:
    records = await join(world)
    await tell(records, a_story())
    whole = await everything(world)
    await records.forget()
    assert {table: rows for table, rows in (await everything(world)).items() if rows} == {}
    assert await records.told() == Told()
    await tell(records, a_story(), size)
    assert await everything(world) == whole


async def test_telling_again_changes_nothing_and_an_older_state_replaces_no_newer_one(world: RecordWorld) -> None:
    records = await join(world)
    story = a_story()
    await tell(records, story)
    whole = await everything(world)
    await tell(records, story, 2)
    assert await everything(world) == whole
    # Another member that was slow tells what it has, of which the rows know more by now; then the progress is put back, as by a copy.
    await world.sql("UPDATE record_progress SET entry = 4")
    for news in batches(story.entries, 1)[4:9]:
        await records.keep(news, told_up_to(news))
    assert await everything(world) == whole


async def test_members_that_tell_the_same_journal_at_once_tell_it_once(world: RecordWorld) -> None:
    members = [await join(world) for _ in range(3)]
    await tell(members[0], a_story())
    whole = await everything(world)
    await members[0].forget()

    async def write(records: SqlTradingRecords, random: Random) -> None:
        story, size = a_story(), random.randint(1, 4)
        await tell(records, story, size)

    await asyncio.gather(*(write(records, Random(number)) for number, records in enumerate(members)))
    assert await everything(world) == whole


async def test_news_that_do_not_follow_are_refused_and_nothing_of_them_kept(world: RecordWorld) -> None:
    records = await join(world)
    first, second, third = batches(a_story().entries, 6)
    with pytest.raises(JournalConflict):
        await records.keep(second, told_up_to(second))
    await records.keep(first, told_up_to(first))
    with pytest.raises(JournalConflict):
        await records.keep(third, told_up_to(third))
    with pytest.raises(JournalConflict):
        await records.keep(second, told_up_to(second, origin="another"))
    assert await records.told() == told_up_to(first)
    await records.keep(second, told_up_to(second))
    await records.forget()
    with pytest.raises(JournalConflict):
        await records.keep(third, told_up_to(third))
    assert await records.orders(ALL) == []


async def test_an_id_used_again_is_another_order_and_rows_of_other_programs_are_left_alone(world: RecordWorld) -> None:
    records = await join(world)
    await world.sql(
        f"INSERT INTO orders (id, bot_id, symbol, side, qty) VALUES ('{INTENT_UUID.lower()}', '{BOT_UUID}', 'X', 'buy', 1)",
    )
    story = Story()
    story.tell(facts.InstrumentKnown(time_ns=0, instrument=instrument(), reference="3900"))
    intent = an_intent(client_order_id=INTENT_UUID)
    for day, following in ((20250106, 20250107), (20250107, 20250108), (20250108, 20250109)):
        if day != 20250107:
            story.accept(intent)
            story.tell(story.trade(intent, 5, day=day), story.order(intent, OrderStatus.FILLED, 5, day))
        story.day(following, day, "3900")
    other = an_intent(account="A2", client_order_id=INTENT_UUID)
    story.accept(other)
    await tell(records, story, 3)
    rows = await world.sql("SELECT CAST(id AS TEXT), status, filled_qty, account FROM orders")
    ids = [other_order_uuid("A1", INTENT_UUID, 2), other_order_uuid("A1", INTENT_UUID, 6), other_order_uuid("A2", INTENT_UUID, 9)]
    assert {row[0]: (row[1], int(row[2]), row[3]) for row in rows} == {
        INTENT_UUID.lower(): ("new", 0, None), ids[0]: ("filled", 5, "A1"), ids[1]: ("filled", 5, "A1"),
        ids[2]: ("sending", 0, "A2"),
    }  # fmt: skip
    assert sorted(await world.sql("SELECT CAST(order_id AS TEXT) FROM executions")) == sorted([(ids[0],), (ids[1],)])


async def test_a_trade_of_an_order_that_nobody_told_of_has_one(world: RecordWorld) -> None:
    records = await join(world)
    story = Story()
    stranger = an_intent("s1", lots=4)
    story.tell(story.trade(stranger, 1))
    story.tell(facts.InstrumentKnown(time_ns=0, instrument=instrument(), reference="3900"), story.trade(stranger, 2))
    await tell(records, story, 1)
    found = await records.order("A1", "cs1")
    assert found is not None
    assert (found.status, [fill.fill_qty for fill in await records.executions(ALL)]) == ("unknown", [1, 2])
    story.tell(story.order(stranger, OrderStatus.PARTIAL, 3))
    await tell(records, story, 1)
    [(_, order)] = await records.orders(ALL)
    assert (order.status, order.qty, order.filled_qty) == ("partial", 4, 3)


async def test_choices(world: RecordWorld) -> None:
    records = await join(world)
    await tell(records, a_story())
    assert len(await records.executions(Choice(account="A1", bot="b1"))) == 3
    assert len(await records.executions(Choice(bot="", symbol="IF2501"))) == 1
    assert await records.executions(Choice(account="A2")) == []
    assert len(await records.pnl(Choice(first_day=NEXT_DAY))) == 3
    assert len(await records.pnl(Choice(last_day=DAY))) == 3
    page = await records.orders(ALL, limit=2)
    rest = await records.orders(ALL, after=page[-1][0])
    assert [len(page), len(rest), len({row.client_order_id for _, row in page + rest})] == [2, 3, 5]


STATEMENT = SettlementStatement(
    account="A1", currency="CNY", trading_day=DAY, opening=d("0"), deposits=d("1000000"), withdrawals=d("0"), realised=d("1.5"),
    mark_to_market=d("-20.25"), fees=d("3.14"), closing=d("999978.11"), margin=d("5"), available=d("999973.11"),
    positions=(Position(account="A1", symbol="IF2501", exchange=Exchange.CFFEX, side=Side.BUY, today_lots=3, open_cost=d("9.5")),),
)  # fmt: skip


async def test_statements_are_kept_to_the_cent(world: RecordWorld) -> None:
    records = await join(world)
    later = msgspec.structs.replace(STATEMENT, trading_day=NEXT_DAY, positions=())
    await records.keep_statements([later, STATEMENT], START_NS)
    await records.keep_statements([STATEMENT], START_NS + 1)
    assert await records.statement("A1", DAY) == STATEMENT
    assert await records.statement("A1", NEXT_DAY) == later
    assert (await records.statement("A2", DAY), await records.statement_days("A1")) == (None, [DAY, NEXT_DAY])
    await records.forget()
    assert await records.statement_days("A1") == [DAY, NEXT_DAY]


async def test_what_a_writer_knew_is_kept_until_the_rows_are_forgotten(world: RecordWorld) -> None:
    records = await join(world)
    assert await records.fold() is None
    for entry in (3, 7):
        kept = KeptFold(told=Told(entry=entry, mark=f"m{entry}", origin="o1"), body=bytes(range(256)) * entry)
        await records.keep_fold(kept)
        assert await records.fold() == kept
    await records.forget()
    assert await records.fold() is None


async def test_alerts_are_kept_once(world: RecordWorld) -> None:
    records = await join(world)
    alert = RiskEventRow(entry=0, id="20250106-A1-loss", kind="alert", at=START_NS, severity="CRITICAL", account="A1", value="7")
    assert await records.keep_events([alert, msgspec.structs.replace(alert, id="two")]) == 2
    assert await records.keep_events([alert]) == 0
    assert await records.keep_events([]) == 0
    assert [(row.id, row.severity) for row in await records.risk_events(kind="alert")] == [
        ("two", "CRITICAL"), ("20250106-A1-loss", "CRITICAL"),
    ]  # fmt: skip
    await records.forget()
    assert len(await records.risk_events()) == 2


async def test_what_is_old_and_over_is_dropped(world: RecordWorld) -> None:
    records = await join(world)
    story = a_story()
    story.accept(an_intent("late"))
    await tell(records, story)
    cut_ns = story.now_ns + 10**12
    assert await records.drop_before("orders", START_NS) == 0
    assert await records.drop_before("orders", cut_ns) == 10
    assert await records.drop_before("orders", cut_ns) == 0
    assert [row.client_order_id for _, row in await records.orders(ALL)] == ["clate"]
    assert await records.executions(ALL) == []
    assert await records.drop_before("risk_events", cut_ns) == 4
    assert await records.risk_events() == []


async def test_rows_that_somebody_deleted_do_not_stop_the_telling(world: RecordWorld) -> None:
    records = await join(world)
    entries = a_story().entries
    first, *rest = batches(entries, 5)
    await records.keep(first, told_up_to(first))
    await world.sql("DELETE FROM executions", "DELETE FROM orders")
    for news in rest:
        await records.keep(news, told_up_to(news))
    assert {row.client_order_id for _, row in await records.orders(ALL)} == {INTENT_UUID, "cx2", "cx3", "cx4", "cx5"}
