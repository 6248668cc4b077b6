"""One task per key."""

import asyncio

import pytest
from tests.waiting import settle

from tradepit.runtime.shared_work import SharedWork


class Work:
    def __init__(self) -> None:
        self.begun, self.go = 0, asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        await self.go.wait()
        return self.begun


async def test_who_asks_meanwhile_shares_the_result_and_who_asks_later_begins_anew() -> None:
    shared, work = SharedWork[str, int](), Work()
    asked = [asyncio.ensure_future(shared.share("a", work)) for _ in range(3)]
    await settle()
    assert ("a" in shared, "b" in shared) == (True, False)
    asked[0].cancel()
    work.go.set()
    assert [await asked[1], await asked[2]] == [1, 1]
    await settle()
    assert "a" not in shared
    assert await shared.share("a", work) == 2


async def test_failures_are_shared_and_nobody_need_read_them() -> None:
    shared = SharedWork[str, int]()

    async def fail() -> int:
        await asyncio.sleep(0)
        raise ValueError("no")

    asked = asyncio.ensure_future(shared.share("a", fail))
    with pytest.raises(ValueError, match="no"):
        await asked
    unread = asyncio.ensure_future(shared.share("b", fail))
    await asyncio.sleep(0)
    unread.cancel()
    await settle()
    assert "b" not in shared


async def test_stopping_ends_what_is_under_way() -> None:
    shared, work = SharedWork[str, int](), Work()
    asked = asyncio.ensure_future(shared.share("a", work))
    await settle()
    assert "a" in shared
    await shared.stop()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert "a" not in shared
