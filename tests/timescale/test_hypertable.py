"""Ticks on a real TimescaleDB: a hypertable with chunks of a day, whichever edition, by the document's own statements or ours."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from tests.conformance import test_market_records as promises
from tests.conformance import test_record_tables as tables
from tests.record_world import RecordWorld
from tests.servers.postgres import PostgresServer
from tests.tick_records import TEN_NS, a_tick

HYPERTABLES = "SELECT hypertable_name, num_chunks FROM timescaledb_information.hypertables"
DOCUMENTED = tables.DOCUMENTED + "SELECT create_hypertable('ticks', by_range('ts'), if_not_exists => TRUE);"


@pytest.fixture
async def world(timescale_server: PostgresServer) -> AsyncIterator[RecordWorld]:
    made = RecordWorld(await timescale_server.create_database())
    yield made
    for member in made.members:
        await member.close()


async def test_a_tick_and_its_bars(world: RecordWorld) -> None:
    await promises.test_ticks_become_rows_and_bars(world)
    assert await world.sql(HYPERTABLES) == [("ticks", 1)]
    assert (await world.members[0].describe()).startswith("hypertable, chunks of days (TimescaleDB, ")


@pytest.mark.parametrize("seed", range(3))
async def test_order_does_not_matter(world: RecordWorld, seed: int) -> None:
    await promises.test_the_order_in_which_ticks_come_does_not_matter(world, seed)


async def test_ticks_told_again(world: RecordWorld) -> None:
    await promises.test_ticks_told_again_change_nothing(world)


async def test_rows_of_others(world: RecordWorld) -> None:
    await promises.test_rows_of_other_programs_count_with_the_volume_they_tell(world)


async def test_old_days_go_as_chunks(world: RecordWorld) -> None:
    await promises.test_large_batches_of_many_days_are_kept_whole_and_dropped_by_age(world)
    assert await world.sql(HYPERTABLES) == [("ticks", 2)]


async def test_members_at_once(world: RecordWorld) -> None:
    await promises.test_members_that_need_the_same_new_days_at_once_all_keep(world)


async def test_a_hypertable_that_the_program_made_is_taken(world: RecordWorld) -> None:
    program = await asyncpg.connect(world.url.replace("+asyncpg", ""))
    await program.execute(DOCUMENTED)
    await program.execute("INSERT INTO ticks VALUES ('2025-01-06 02:00:00.1+00', 'IF2501', 3901, 3)")
    records = await world.join()
    await records.keep([a_tick(0, traded=10), a_tick(20 * 86_400_000, traded=12)])
    assert len(await records.ticks("IF2501", TEN_NS, TEN_NS + 10**18)) == 3
    assert await records.drop_before("ticks", TEN_NS + 15 * 86_400_000_000_000) == 1
    assert len(await records.ticks("IF2501", TEN_NS, TEN_NS + 10**18)) == 1
    await program.execute(DOCUMENTED)
    await program.close()
