"""Collections look at young objects only, and hand everything back when the process ends."""

import asyncio
import gc
from contextlib import suppress

import pytest

from tradepit.runtime import collector
from tradepit.runtime.collector import collect_young


class Knot:
    """An object that only a collection can free."""

    def __init__(self) -> None:
        self.me = self


async def test_young_cycles_go_and_the_old_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "_EVERY_S", 0.001)
    before = gc.get_threshold()
    collecting = asyncio.create_task(collect_young())
    await asyncio.sleep(0)
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[2] > 10**8
    knot = Knot()
    Knot()
    # The loose one is freed, the other one is among the frozen.
    async with asyncio.timeout(60):
        while any(type(each) is Knot for each in gc.get_objects()):  # noqa: ASYNC110 - a collection has no event
            await asyncio.sleep(0.01)
    collecting.cancel()
    with suppress(asyncio.CancelledError):
        await collecting
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == before
    assert [each for each in gc.get_objects() if type(each) is Knot] == [knot]
