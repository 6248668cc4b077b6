"""Waiting for the disk: in place while it is quick, in a thread while it is slow, always in order and with the disk's own errors."""

import asyncio
import os
import threading

import pytest

from tradepit.backends.journal import disk as disk_module
from tradepit.backends.journal.disk import Disk


def here() -> str:
    return threading.current_thread().name


async def test_a_quick_disk_is_waited_for_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[int, str]] = []
    monkeypatch.setattr(disk_module, "_SLOW_NS", 10**12)  # what a disk is that does nothing depends on the machine
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append((fd, here())))
    disk = Disk()
    await disk.sync(7)
    await disk.sync(8)
    await disk.end(9)
    assert synced == [(7, here()), (8, here()), (9, "journal-disk")]


async def test_a_slow_disk_gets_a_thread_until_it_is_quick_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_module, "_SLOW_NS", -1)
    monkeypatch.setattr(disk_module, "_ON_THREAD", 2)
    synced: list[str] = []
    monkeypatch.setattr(os, "fdatasync", lambda _: synced.append(here()))
    disk = Disk()
    await disk.sync(7)
    for _ in range(3):
        await disk.sync(7)
    monkeypatch.setattr(disk_module, "_SLOW_NS", 10**12)
    for _ in range(3):
        await disk.sync(7)
    await disk.end(7)
    thread = "journal-disk"
    # Slow in place once; then each slow wait on the thread renews the two; two quick ones end them.
    assert synced == [here(), thread, thread, thread, thread, thread, here(), thread]


async def test_an_error_of_the_disk_is_raised_wherever_it_was_met(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> None:
        if fd == 1:
            raise OSError(5, "the disk is broken")

    monkeypatch.setattr(os, "fdatasync", fail)
    disk = Disk()
    with pytest.raises(OSError, match="broken"):
        await disk.sync(1)
    await disk.sync(2)
    with pytest.raises(OSError, match="broken"):
        await disk.end(1)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_module, "_SLOW_NS", -1)


@pytest.mark.usefixtures("slow")
async def test_the_event_loop_goes_on_while_the_disk_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    disk, go = Disk(), threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda _: None)
    await disk.sync(3)
    monkeypatch.setattr(os, "fdatasync", lambda fd: go.wait(60) or fd)
    waiting = asyncio.create_task(disk.sync(3))
    await asyncio.sleep(0)
    assert not waiting.done()
    go.set()
    await waiting
    await disk.end(3)


@pytest.mark.usefixtures("slow")
async def test_a_wait_that_was_given_up_harms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    disk, go, seen = Disk(), threading.Event(), list[int]()
    monkeypatch.setattr(os, "fdatasync", lambda _: None)
    await disk.sync(3)

    def wait(fd: int) -> None:
        go.wait(60)
        seen.append(fd)

    monkeypatch.setattr(os, "fdatasync", wait)
    waiting = asyncio.create_task(disk.sync(4))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    await disk.end(5)
    assert seen == [4, 5]
