"""The promises of the market's records, kept on SQLite and PostgreSQL; see ports/market_records.py."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from random import Random

import msgspec
import pytest
from sqlalchemy import make_url
from tests.record_world import RecordWorld
from tests.tick_records import DAY, TEN_NS, a_tick

from tradepit.backends.store.market import SqlMarketRecords
from tradepit.ports.market_records import KeptTicks, StreamPlace
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.records.bars import Bar
from tradepit.trading.records.tick_record import TickRecord

END_NS = TEN_NS + 3_600_000_000_000


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


def a_bar(start_s: int, prices: str, volume: int, count: int) -> Bar:
    first, highest, lowest, last = (Decimal(price) for price in prices.split())
    return Bar(
        symbol="IF2501",
        start_ns=TEN_NS + start_s * 1_000_000_000,
        open=first,
        high=highest,
        low=lowest,
        close=last,
        volume=volume,
        count=count,
    )


STORY = [
    a_tick(0, "3900.2", 10), a_tick(500, "3901.4", 14), a_tick(900, "3899.6", 15), a_tick(1_000, "3899.8", 15),
    a_tick(59_999, "3905.0", 21), a_tick(60_000, "3904.0", 22), a_tick(125_000, "3890.0", 40),
]  # fmt: skip
SECONDS = [
    a_bar(0, "3900.2 3901.4 3899.6 3899.6", 15, 3), a_bar(1, "3899.8 3899.8 3899.8 3899.8", 0, 1),
    a_bar(59, "3905.0 3905.0 3905.0 3905.0", 6, 1), a_bar(60, "3904.0 3904.0 3904.0 3904.0", 1, 1),
    a_bar(125, "3890.0 3890.0 3890.0 3890.0", 18, 1),
]  # fmt: skip
MINUTES = [
    a_bar(0, "3900.2 3905.0 3899.6 3905.0", 21, 5), a_bar(60, "3904.0 3904.0 3904.0 3904.0", 1, 1),
    a_bar(120, "3890.0 3890.0 3890.0 3890.0", 18, 1),
]  # fmt: skip
PLACES = {"IF2501": StreamPlace("R1", 7, STORY[-1].time_ns)}
VOLUMES = [10, 4, 1, 0, 6, 1, 18]


async def check_story(records: SqlMarketRecords) -> None:
    found = await records.ticks("IF2501", TEN_NS, END_NS)
    assert found == [msgspec.structs.replace(tick, volume=volume) for tick, volume in zip(STORY, VOLUMES, strict=True)]
    assert await records.bars("IF2501", "1s", TEN_NS, END_NS) == SECONDS
    assert await records.bars("IF2501", "1m", TEN_NS, END_NS) == MINUTES


async def test_ticks_become_rows_and_bars(world: RecordWorld) -> None:
    one, two = await world.join(), await world.join()
    assert await one.keep(STORY, PLACES) == KeptTicks(changed=7, unchanged=0)
    await check_story(two)
    assert await two.latest("IF2501") == msgspec.structs.replace(STORY[-1], volume=18)
    assert (await two.latest("IC2501"), await two.newest_ns()) == (None, STORY[-1].time_ns)
    assert await two.places() == PLACES
    assert await two.ticks("IF2501", TEN_NS + 1, END_NS, limit=1) == [msgspec.structs.replace(STORY[1], volume=4)]
    assert await two.bars("IF2501", "1m", TEN_NS + 1, TEN_NS + 120_000_000_000) == MINUTES[1:2]


async def test_ticks_told_again_change_nothing(world: RecordWorld) -> None:
    records = await world.join()
    await records.keep(STORY)
    assert await records.keep(STORY[2:5]) == KeptTicks(changed=0, unchanged=3)
    assert await records.keep([]) == KeptTicks(changed=0, unchanged=0)
    await check_story(records)


@pytest.mark.parametrize("seed", range(6))
async def test_the_order_in_which_ticks_come_does_not_matter(world: RecordWorld, seed: int) -> None:
    random = Random(seed)
    records = [await world.join(), await world.join()]
    told = random.sample(STORY * 2, len(STORY) * 2)
    while told:
        size = random.randint(1, 4)
        await records[size % 2].keep(told[:size])
        told = told[size:]
    await check_story(records[0])


async def test_of_two_ticks_of_one_instant_the_later_stays(world: RecordWorld) -> None:
    records = await world.join()
    later = a_tick(500, "3902.0", 17)
    await records.keep([a_tick(0, traded=10), a_tick(500, "3901.4", 14), later, a_tick(900, traded=20)])
    assert await records.keep([a_tick(500, "3901.4", 14)]) == KeptTicks(changed=0, unchanged=1)
    found = await records.ticks("IF2501", TEN_NS, END_NS)
    assert [(tick.price, tick.volume) for tick in found] == [
        (Decimal("3900.2"), 10),
        (Decimal("3902.0"), 7),
        (Decimal("3900.2"), 3),
    ]


async def test_a_new_trading_day_begins_anew(world: RecordWorld) -> None:
    records = await world.join()
    await records.keep([a_tick(0, traded=500), a_tick(86_400_000, traded=30, trading_day=20250107)])
    await records.keep([a_tick(86_401_000, traded=31, trading_day=20250107)])
    found = await records.ticks("IF2501", TEN_NS, TEN_NS + 10**15)
    assert [(tick.trading_day, tick.volume) for tick in found] == [(DAY, 500), (20250107, 30), (20250107, 1)]


async def test_rows_of_other_programs_count_with_the_volume_they_tell(world: RecordWorld) -> None:
    records = await world.join()
    await world.sql(
        "INSERT INTO ticks (ts, symbol, price, volume) VALUES ('2025-01-06 02:00:00.250000+00:00', 'IF2501', 3903.2, 5)"
        if world.on_postgres
        else "INSERT INTO ticks (ts, symbol, price, volume) VALUES ('2025-01-06 02:00:00.250000', 'IF2501', 3903.2, 5)"
    )
    await records.keep([a_tick(0, traded=10), a_tick(500, "3901.4", 14)])
    found = await records.ticks("IF2501", TEN_NS, END_NS)
    assert [(tick.time_ns - TEN_NS, tick.volume) for tick in found] == [(0, 10), (250_000_000, 5), (500_000_000, 4)]
    [bar] = await records.bars("IF2501", "1s", TEN_NS, END_NS)
    assert (bar.high, bar.volume, bar.count) == (Decimal("3903.2"), 19, 3)


async def test_symbols_do_not_meet(world: RecordWorld) -> None:
    records = await world.join()
    others = [msgspec.structs.replace(tick, symbol="IC2501", price=tick.price + 1) for tick in STORY]
    places = {"IC2501": StreamPlace("R1", 7, TEN_NS), **PLACES}
    await records.keep([*STORY, *others], places)
    await check_story(records)
    assert len(await records.ticks("IC2501", TEN_NS, END_NS)) == 7
    assert await records.places() == places


async def test_large_batches_of_many_days_are_kept_whole_and_dropped_by_age(world: RecordWorld) -> None:
    records = await world.join()
    days = 4
    told = [a_tick(day * 86_400_000 + number * 250, traded=number) for day in range(days) for number in range(600)]
    assert (await records.keep(told)).changed == 2_400
    before_ns = TEN_NS + 2 * 86_400_000_000_000
    for table, left in (("ticks", 1_200), ("bars_1s", 300), ("bars_1m", 6)):
        dropped = 0
        while gone := await records.drop_before(table, before_ns):  # type: ignore[arg-type]  # names of tables
            dropped += gone
        assert dropped > 0
        [(count,)] = await world.sql(f"SELECT count(*) FROM {table}")
        # Whole days stay until all of them is older: of the day that is cut in two, all rows.
        assert count == left
    assert await records.drop_before("ticks", before_ns) == 0


async def test_days_have_partitions_where_the_database_has_them(world: RecordWorld) -> None:
    records = await world.join()
    assert (await records.describe()).startswith("partitions by day" if world.on_postgres else "one plain table")
    if not world.on_postgres:
        assert await world.sql("SELECT count(*) FROM sqlite_master WHERE name LIKE 'ticks_d%'") == [(0,)]
        return
    await world.sql("INSERT INTO ticks VALUES ('2025-01-06 02:00:00+00:00', 'X', 1, 1), ('2030-01-01+00:00', 'X', 1, 1)")
    await records.keep(STORY)
    where = await world.sql("SELECT tableoid::regclass::text, count(*) FROM ticks GROUP BY 1 ORDER BY 1")
    assert where == [("ticks_d20250106", 8), ("ticks_rest", 1)]
    parts = await world.sql("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'ticks'::regclass ORDER BY 1")
    assert [name for (name,) in parts] == ["ticks_d20250106", "ticks_d20250107", "ticks_d20250108", "ticks_rest"]


async def test_members_that_need_the_same_new_days_at_once_all_keep(world: RecordWorld) -> None:
    members = [await world.join() for _ in range(4)]
    told = [[a_tick(day * 86_400_000, traded=1, symbol=f"S{number}") for day in range(6)] for number in range(4)]
    await asyncio.gather(*(member.keep(ticks) for member, ticks in zip(members, told, strict=True)))
    assert await world.sql("SELECT count(*) FROM ticks") == [(24,)]


async def test_bars_of_others_fill_the_minutes_in_which_there_is_no_tick(world: RecordWorld) -> None:
    records = await world.join()
    await records.keep(STORY)
    others = [
        msgspec.structs.replace(bar, count=0, volume=1_000)
        for bar in (MINUTES[1], a_bar(180, "1 4 1 2", 5, 0), a_bar(-60, "5 5 5 5", 5, 0))
    ]
    assert (await records.keep_bars(others), await records.keep_bars(others)) == (2, 0)
    kept = [others[2], *MINUTES, others[1]]
    assert await records.bars("IF2501", "1m", TEN_NS - 60_000_000_000, END_NS) == kept
    better = msgspec.structs.replace(others[1], close=Decimal(3))
    assert await records.keep_bars([better]) == 1
    # What the house hears of the minute after all is better known.
    await records.keep([a_tick(181_000, "3880.0", 41)])
    assert await records.bars("IF2501", "1m", TEN_NS + 180_000_000_000, END_NS) == [
        a_bar(180, "3880.0 3880.0 3880.0 3880.0", 1, 1)
    ]
    assert await records.keep_bars([better]) == 0
    assert await records.keep_bars([]) == 0
    for bar in (MINUTES[0], a_bar(1, "1 1 1 1", 1, 0)):
        with pytest.raises(BadRequest):
            await records.keep_bars([bar])


@pytest.mark.parametrize("tick", [a_tick(time_ns=TEN_NS + 1), a_tick(time_ns=0), a_tick(time_ns=2**63)])
async def test_an_instant_that_no_row_can_hold_is_refused(world: RecordWorld, tick: TickRecord) -> None:
    records = await world.join()
    with pytest.raises(BadRequest):
        await records.keep([a_tick(), tick])
    assert await records.latest("IF2501") is None


async def test_a_member_that_may_make_no_tables_keeps_ticks_all_the_same(world: RecordWorld) -> None:
    if not world.on_postgres:
        return
    await (await world.join()).keep([a_tick()])
    await world.sql(
        "CREATE ROLE writer LOGIN PASSWORD 'writer'",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer",
    )
    modest = SqlMarketRecords(make_url(world.url).set(username="writer", password="writer").render_as_string(hide_password=False))
    world.members.append(modest)
    await modest.connect()
    for day in (0, 20, 40):
        await modest.keep([a_tick(day * 86_400_000, traded=day)])
    rows = await world.sql("SELECT tableoid::regclass::text, count(*) FROM ticks GROUP BY 1 ORDER BY 1")
    assert rows == [("ticks_d20250106", 1), ("ticks_rest", 2)]
    await world.sql("DROP OWNED BY writer", "DROP ROLE writer")
