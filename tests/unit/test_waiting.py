"""Tests wait for threads: no turn of the loop and no second of a driven clock passes them by."""

import asyncio
import threading
import time

import pytest
from tests import waiting
from tests.step_clock import StepClock
from tests.waiting import settle, until


async def test_a_driven_clock_stands_still_while_a_thread_works() -> None:
    clock, done_at_ns = StepClock(), list[int]()

    async def work() -> None:
        for _ in range(3):
            await asyncio.to_thread(time.sleep, 0.02)
        done_at_ns.append(clock.monotonic_ns())

    working = asyncio.ensure_future(work())
    await clock.advance(10)
    assert done_at_ns == [0]
    await working


async def test_what_is_cancelled_is_not_waited_for() -> None:
    go = threading.Event()
    working = asyncio.ensure_future(asyncio.to_thread(go.wait, 60))
    await asyncio.sleep(0)
    working.cancel()
    await settle()
    go.set()
    assert working.cancelled()


async def test_what_never_comes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PATIENCE_S", 0.01)
    go = threading.Event()
    working = asyncio.ensure_future(asyncio.to_thread(go.wait, 60))
    with pytest.raises(AssertionError, match="does not come back"):
        await settle()
    with pytest.raises(AssertionError, match="the answer never came true"):
        await until(lambda: False, "the answer")
    go.set()
    await working
