"""The pacer: every scheduled instant is told once, in order, and never before it falls due."""

import asyncio
import itertools
from pathlib import Path

import pytest

from tradepit.cli.bench import pacer
from tradepit.runtime.clock import SystemClock


@pytest.mark.parametrize("without_timer", [False, True])
async def test_instants_follow_one_another_and_are_not_early(monkeypatch: pytest.MonkeyPatch, without_timer: bool) -> None:
    if without_timer:
        monkeypatch.setattr(pacer, "_open_timer", lambda interval_ns: -1)
    clock, due = SystemClock(), list[int]()
    async for instant in pacer.schedule(clock, per_s=2_000, seconds=0.02):
        assert clock.monotonic_ns() >= instant
        due.append(instant)
    assert len(due) == 40
    assert {later - sooner for sooner, later in itertools.pairwise(due)} == {500_000}


async def test_a_late_caller_is_told_what_it_missed() -> None:
    clock, due = SystemClock(), list[int]()
    async for instant in pacer.schedule(clock, per_s=1_000, seconds=0.03):
        if not due:
            until = clock.monotonic_ns() + 10_000_000
            while clock.monotonic_ns() < until:
                pass
        due.append(instant)
    assert len(due) == 30
    assert due == sorted(due)


async def test_a_caller_that_gives_up_leaves_nothing_behind() -> None:
    async def pace() -> None:
        async for _ in pacer.schedule(SystemClock(), per_s=0.5, seconds=60):
            """Wait for ever."""

    before = open_files()
    pacing = asyncio.ensure_future(pace())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    pacing.cancel()
    await asyncio.gather(pacing, return_exceptions=True)
    await asyncio.sleep(0)
    assert open_files() <= before


def open_files() -> int:
    """How many files this process has open, 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0
