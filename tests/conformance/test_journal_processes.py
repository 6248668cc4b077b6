"""Journal files between real processes: racing, stopped and killed writers."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tradepit.backends.journal.file import FileJournal
from tradepit.ports.journal import Entry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "oms.journal"


def start(program: str, *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


async def contents(path: Path) -> list[Entry]:
    journal = FileJournal(path, sync="os")
    await journal.open()
    try:
        return [entry async for entry in journal.read()]
    finally:
        await journal.close()


async def test_two_processes_that_race_for_every_number_leave_one_unbroken_journal(path: Path) -> None:
    program = """
import asyncio, sys
from tradepit.backends.journal.file import FileJournal
from tradepit.trading.model.errors import JournalConflict
async def main():
    journal = FileJournal(sys.argv[1], sync="os")
    await journal.open()
    won = 0
    sys.stdin.readline()
    while True:
        last, _ = await journal.last()
        if last >= 3000:
            break
        try:
            await journal.append([sys.argv[2].encode()], expected=last, epoch=1)
            won += 1
        except JournalConflict:
            pass
    print(won)
asyncio.run(main())
"""
    racers = [start(program, path, name) for name in ("one", "two")]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    wins = [int((await asyncio.to_thread(racer.communicate))[0]) for racer in racers]
    entries = await contents(path)
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
    assert wins == [sum(entry.records == (name,) for entry in entries) for name in (b"one", b"two")]


async def test_a_stopped_process_holds_nobody_up_and_cannot_write_after_it_was_fenced(path: Path) -> None:
    program = """
import asyncio, sys
from tradepit.backends.journal.file import FileJournal
from tradepit.trading.model.errors import StaleEpoch
async def main():
    journal = FileJournal(sys.argv[1], sync="os")
    await journal.open()
    last = 0
    try:
        while True:
            last = await journal.append([b"old"], expected=last, epoch=1)
            if last == 100:
                print("going", flush=True)
    except StaleEpoch:
        print(last)
asyncio.run(main())
"""
    old = start(program, path)
    assert old.stdout is not None
    assert await asyncio.to_thread(old.stdout.readline) == "going\n"
    old.send_signal(signal.SIGSTOP)
    await asyncio.to_thread(os.waitid, os.P_PID, old.pid, os.WSTOPPED | os.WNOWAIT)  # the signal alone returns before it stopped
    journal = FileJournal(path, sync="os")
    await journal.open()
    last, _ = await journal.last()
    assert await journal.append([b"new"], expected=last, epoch=2) == last + 1
    old.send_signal(signal.SIGCONT)
    acknowledged = int((await asyncio.to_thread(old.communicate))[0])
    for number in range(last + 1, last + 11):
        await journal.append([b"new"], expected=number, epoch=2)
    await journal.close()
    entries = await contents(path)
    assert acknowledged <= last
    assert [entry.epoch for entry in entries] == [1] * last + [2] * 11


async def test_every_entry_acknowledged_before_a_kill_is_there(path: Path) -> None:
    program = """
import asyncio, sys
from tradepit.backends.journal.file import FileJournal
async def main():
    journal = FileJournal(sys.argv[1], sync="os")
    await journal.open()
    last = 0
    while True:
        last = await journal.append([b"x" * 20_000] * 5, expected=last, epoch=1)
        print(last, flush=True)
asyncio.run(main())
"""
    writer = start(program, path)
    assert writer.stdout is not None
    for _ in range(50):
        await asyncio.to_thread(writer.stdout.readline)
    writer.kill()
    rest = (await asyncio.to_thread(writer.communicate))[0].splitlines()
    acknowledged = int(rest[-1]) if rest else 50
    entries = await contents(path)
    assert len(entries) >= acknowledged
    journal = FileJournal(path, sync="os")
    await journal.open()
    assert await journal.append([b"next"], expected=len(entries), epoch=2) == len(entries) + 1
    await journal.close()
