"""The store between real processes: what a killed writer was told is kept is kept, and nobody has to clean up behind it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tradepit.backends.store.sql import SqlStore

ROOT = Path(__file__).resolve().parents[2]
WRITER = """
import asyncio, sys
from tests.order_updates import an_event, filled
from tradepit.backends.store.sql import SqlStore
async def main():
    store = SqlStore(sys.argv[1], timeout_s=120.0)
    await store.connect()
    number = 0
    while True:
        order_id = f"{sys.argv[2]}-{number}"
        kept = await store.keep(
            [filled(10, order_id=order_id), filled(number % 10, order_id="shared")], [an_event("COMPLETE_FILL", order_id=order_id)]
        )
        assert kept.events == 1
        print(order_id, flush=True)
        number += 1
asyncio.run(main())
"""


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'store.db'}"
    made: str = await request.getfixturevalue("postgres_server").create_database()
    return made


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    made = SqlStore(url, timeout_s=120.0)
    await made.connect()
    yield made
    await made.close()


async def test_a_killed_writer_leaves_everything_it_was_told_is_kept(url: str, store: SqlStore) -> None:
    told: list[str] = []
    for life in range(2):
        writers = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", WRITER, url, f"w{life}{name}", stdout=asyncio.subprocess.PIPE, cwd=ROOT
            )
            for name in "ab"
        ]
        for writer in writers:
            assert writer.stdout is not None
            told += [(await writer.stdout.readline()).decode().strip() for _ in range(15)]
            writer.kill()
        for writer in writers:
            assert writer.stdout is not None
            told += [
                line.strip() for line in (await writer.stdout.read()).decode().splitlines(keepends=True) if line.endswith("\n")
            ]
            await writer.wait()
    kept = {order.order_id: order for order in await store.orders("1234567890")}
    assert len(told) >= 60
    assert set(told) <= set(kept)
    assert {order.filled_lots for name, order in kept.items() if name != "shared"} == {10}
    assert kept["shared"].filled_lots == 9
    assert [len(await store.events(order_id)) for order_id in kept if order_id != "shared"] == [1] * (len(kept) - 1)
