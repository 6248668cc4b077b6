"""The promises of the journal, kept by every backend; see ports/journal.py."""

import asyncio
import secrets
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.patience import PATIENCE_S

from tradepit.backends.journal.file import FileJournal
from tradepit.backends.journal.jetstream import JetstreamJournal
from tradepit.backends.journal.memory import MemoryJournal, MemoryJournalStore
from tradepit.ports.journal import Entry, Journal, Snapshot
from tradepit.runtime.nats_api import keep
from tradepit.runtime.nats_link import NatsLink
from tradepit.runtime.nats_server import NatsServer
from tradepit.trading.model.errors import JournalClosed, JournalConflict, JournalCorrupted, StaleEpoch


class World:
    """One journal, of which several instances can be opened."""

    def __init__(self, kind: str, make: Callable[[], Journal]) -> None:
        self.kind = kind
        self._make = make
        self.opened: list[Journal] = []

    async def open(self) -> Journal:
        journal = self._make()
        await journal.open()
        self.opened.append(journal)
        return journal


@pytest.fixture(params=["memory", "file-os", "file-always", "jetstream"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    kind: str = request.param
    if kind == "memory":
        store = MemoryJournalStore()
        made = World(kind, lambda: MemoryJournal(store))
    elif kind == "jetstream":
        server: NatsServer = request.getfixturevalue("nats_server")
        stream = f"JOURNAL_{secrets.token_hex(4)}"
        made = World(kind, lambda: JetstreamJournal(server.url, stream, synced=True))
    else:
        sync = kind.removeprefix("file-")
        assert sync in {"os", "always"}
        made = World(kind, lambda: FileJournal(tmp_path / "journal", sync="os" if sync == "os" else "always"))
    async with AsyncExitStack() as stack:
        yield made
        for journal in made.opened:
            stack.push_async_callback(journal.close)


async def contents(journal: Journal, after: int = 0) -> list[Entry]:
    async with asyncio.timeout(PATIENCE_S):
        return [entry async for entry in journal.read(after)]


async def fill(journal: Journal, count: int, *, epoch: int = 1, start: int = 0) -> None:
    for number in range(start, start + count):
        assert await journal.append([f"{number}".encode()], expected=number, epoch=epoch) == number + 1


def entries(count: int, *, epoch: int = 1, start: int = 0) -> list[Entry]:
    return [Entry(sequence=number + 1, epoch=epoch, records=(f"{number}".encode(),)) for number in range(start, start + count)]


async def test_it_says_what_a_finished_append_has_survived(world: World) -> None:
    journal = await world.open()
    promised = {"memory": "memory", "file-os": "page cache", "file-always": "fsync", "jetstream": "1 replica, fsync"}
    assert journal.durability == promised[world.kind]
    assert journal.gathers is (world.kind != "memory")
    await journal.append([b"x"], expected=0, epoch=1)
    await journal.sync()


async def test_an_empty_journal_has_no_last_entry(world: World) -> None:
    journal = await world.open()
    assert await journal.last() == (0, 0)
    assert await contents(journal) == []
    assert await journal.load_snapshot() is None


async def test_the_records_of_one_append_stay_together(world: World) -> None:
    journal = await world.open()
    assert await journal.append([b"a", b"", b"\x00" * 5000], expected=0, epoch=7) == 1
    assert await journal.append([], expected=1, epoch=7) == 2
    assert await contents(journal) == [
        Entry(sequence=1, epoch=7, records=(b"a", b"", b"\x00" * 5000)),
        Entry(sequence=2, epoch=7, records=()),
    ]
    assert await journal.last() == (2, 7)


async def test_replay_begins_at_any_point(world: World) -> None:
    journal = await world.open()
    await fill(journal, 30)
    for after in (0, 1, 15, 29, 30, 31):
        assert await contents(journal, after) == entries(30)[after:]


async def test_another_instance_reads_what_was_written(world: World) -> None:
    await fill(await world.open(), 5)
    reader = await world.open()
    assert await contents(reader) == entries(5)
    assert await reader.last() == (5, 1)


async def test_an_append_that_expects_another_end_is_refused_and_leaves_nothing(world: World) -> None:
    journal = await world.open()
    await fill(journal, 3)
    for expected in (0, 2, 4, 100):
        with pytest.raises(JournalConflict):
            await journal.append([b"no"], expected=expected, epoch=1)
    assert await contents(journal) == entries(3)


async def test_an_append_of_a_lower_epoch_is_refused_and_leaves_nothing(world: World) -> None:
    old, new = await world.open(), await world.open()
    await fill(old, 2, epoch=1)
    await new.append([b"2"], expected=2, epoch=2)
    for expected in (2, 3):
        with pytest.raises(StaleEpoch):
            await old.append([b"no"], expected=expected, epoch=1)
    assert await contents(old) == [*entries(2), *entries(1, epoch=2, start=2)]
    assert await new.last() == (3, 2)


async def test_a_writer_that_was_refused_once_can_still_write_what_is_right(world: World) -> None:
    one, two = await world.open(), await world.open()
    await fill(one, 2)
    with pytest.raises(JournalConflict):
        await two.append([b"no"], expected=0, epoch=1)
    await fill(two, 2, start=2)
    await fill(one, 2, start=4)
    assert await contents(one) == entries(6)


async def test_of_writers_that_race_for_a_number_exactly_one_wins(world: World) -> None:
    writers = [await world.open() for _ in range(4)]
    wins = [0] * len(writers)
    for number in range(25):
        tries = (writer.append([b"same"], expected=number, epoch=1) for writer in writers)
        results = await asyncio.gather(*tries, return_exceptions=True)
        won = [index for index, result in enumerate(results) if result == number + 1]
        assert len(won) == 1
        assert sum(isinstance(result, JournalConflict) for result in results) == len(writers) - 1
        wins[won[0]] += 1
    assert sum(wins) == 25
    assert len(await contents(writers[0])) == 25


async def test_a_follower_gets_the_past_and_all_that_comes_whoever_writes(world: World) -> None:
    one, two, reader = [await world.open() for _ in range(3)]
    await fill(one, 10)
    got: list[Entry] = []

    async def follow() -> None:
        async for entry in reader.follow(after=3):
            got.append(entry)
            if entry.sequence == 40:
                return

    following = asyncio.create_task(follow())
    await fill(two, 10, start=10, epoch=1)
    await fill(one, 10, start=20, epoch=1)
    await fill(two, 10, start=30, epoch=1)
    async with asyncio.timeout(PATIENCE_S):
        await following
    assert got == entries(37, start=3)


async def test_several_followers_keep_up_with_a_writer(world: World) -> None:
    writer = await world.open()

    async def follow(journal: Journal) -> list[Entry]:
        got = []
        async for entry in journal.follow():
            got.append(entry)
            if entry.sequence == 300:
                break
        return got

    following = [asyncio.create_task(follow(await world.open())) for _ in range(3)]
    await fill(writer, 300)
    async with asyncio.timeout(PATIENCE_S):
        for got in await asyncio.gather(*following):
            assert got == entries(300)


async def test_followers_end_when_the_journal_is_closed(world: World) -> None:
    journal = await world.open()
    await fill(journal, 1)
    seen = asyncio.Event()

    async def follow() -> None:
        async for _ in journal.follow():
            seen.set()

    following = asyncio.create_task(follow())
    async with asyncio.timeout(PATIENCE_S):
        await seen.wait()
        await journal.close()
        await following


async def test_a_closed_journal_refuses(world: World) -> None:
    journal = await world.open()
    await journal.close()
    await journal.close()
    with pytest.raises(JournalClosed):
        await journal.append([b"x"], expected=0, epoch=1)
    with pytest.raises(JournalClosed):
        await journal.last()


async def test_the_newest_snapshot_is_found_again(world: World) -> None:
    journal = await world.open()
    await fill(journal, 6)
    for sequence in (2, 4, 6):
        await journal.save_snapshot(Snapshot(sequence=sequence, state=f"state {sequence}".encode()))
    other = await world.open()
    assert await other.load_snapshot() == Snapshot(sequence=6, state=b"state 6")
    assert await contents(other) == entries(6)


async def test_a_large_snapshot_comes_back_whole(world: World) -> None:
    journal = await world.open()
    state = secrets.token_bytes(1_700_000)
    await journal.save_snapshot(Snapshot(sequence=1, state=state))
    await journal.save_snapshot(Snapshot(sequence=2, state=b""))
    assert await journal.load_snapshot() == Snapshot(sequence=2, state=b"")
    await journal.save_snapshot(Snapshot(sequence=3, state=state))
    assert await (await world.open()).load_snapshot() == Snapshot(sequence=3, state=state)


async def test_two_who_keep_the_same_entry_at_once_do_not_mix(world: World) -> None:
    """Each of two followers may keep what it made of the same entries; whichever is found is one of them, whole."""
    first, second = await world.open(), await world.open()
    await fill(first, 3)
    states = [bytes([number]) * 1_700_000 for number in (1, 2)]
    kept = [Snapshot(sequence=3, state=state) for state in states]
    await asyncio.gather(first.save_snapshot(kept[0]), second.save_snapshot(kept[1]))
    assert await (await world.open()).load_snapshot() in kept


async def test_an_entry_of_half_a_megabyte_is_one_entry(world: World) -> None:
    journal = await world.open()
    records = tuple(secrets.token_bytes(1000) for _ in range(500))
    await journal.append(records, expected=0, epoch=1)
    assert await contents(await world.open()) == [Entry(sequence=1, epoch=1, records=records)]


async def test_a_message_that_is_no_entry_is_named(nats_server: NatsServer) -> None:
    stream = f"JOURNAL_{secrets.token_hex(4)}"
    journal, link = JetstreamJournal(nats_server.url, stream), NatsLink(nats_server.url, name="vandal")
    await journal.open()
    await link.connect()
    await fill(journal, 2)
    await keep(link, f"journal.{stream}", b"not an entry", timeout_s=PATIENCE_S)
    await link.close()
    for attempt in (contents(journal), journal.last()):
        with pytest.raises(JournalCorrupted) as caught:
            await attempt
        assert caught.value.details["sequence"] == 3
    await journal.close()


async def test_a_damaged_snapshot_gives_way_to_the_older(nats_server: NatsServer) -> None:
    stream = f"JOURNAL_{secrets.token_hex(4)}"
    journal, link = JetstreamJournal(nats_server.url, stream), NatsLink(nats_server.url, name="vandal")
    await journal.open()
    await link.connect()
    for sequence in (1, 2, 3):
        await journal.save_snapshot(Snapshot(sequence=sequence, state=b"state %d" % sequence))
    await keep(link, f"snapshot.{stream}.3.{zlib.crc32(b'state 3'):08x}.0", b"damaged", timeout_s=PATIENCE_S)
    await link.close()
    assert await journal.load_snapshot() == Snapshot(sequence=2, state=b"state 2")
    await journal.close()
