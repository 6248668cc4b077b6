"""The thread that waits for the disk: in order, off the event loop, with the disk's own errors."""

import asyncio
import os
import threading

import pytest

from tradepit.backends.journal.disk_thread import DiskThread


async def test_each_call_returns_when_the_disk_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[int, str]] = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append((fd, threading.current_thread().name)))
    disk = DiskThread()
    await disk.sync(7)
    await asyncio.gather(disk.sync(8), disk.sync(9))
    await disk.end(10)
    assert synced == [(number, "journal-disk") for number in (7, 8, 9, 10)]


async def test_an_error_of_the_disk_is_raised_and_the_thread_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> None:
        if fd == 1:
            raise OSError(5, "the disk is broken")

    monkeypatch.setattr(os, "fdatasync", fail)
    disk = DiskThread()
    with pytest.raises(OSError, match="broken"):
        await disk.sync(1)
    await disk.sync(2)
    with pytest.raises(OSError, match="broken"):
        await disk.end(1)


async def test_the_event_loop_goes_on_while_the_disk_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    disk, go = DiskThread(), threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda fd: go.wait(10) or fd)
    waiting = asyncio.create_task(disk.sync(3))
    await asyncio.sleep(0)
    assert not waiting.done()
    go.set()
    await waiting
    await disk.end(3)


async def test_a_wait_that_was_given_up_harms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    disk, go, seen = DiskThread(), threading.Event(), list[int]()

    def slow(fd: int) -> None:
        go.wait(10)
        seen.append(fd)

    monkeypatch.setattr(os, "fdatasync", slow)
    waiting = asyncio.create_task(disk.sync(4))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    await disk.end(5)
    assert seen == [4, 5]
