"""The writer of order records: it tells the journal once, from where the records are, whatever happens to either."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest
from tests.order_path import an_intent
from tests.record_fakes import FakeTradingRecords
from tests.record_story import Entry as Told
from tests.record_story import Story, a_story
from tests.waiting import until

from tradepit.backends.journal.memory import MemoryJournal, MemoryJournalStore
from tradepit.ports.journal import Entry
from tradepit.runtime.clock import SystemClock
from tradepit.services.order_records import OrderRecords
from tradepit.services.record_settings import RecordSettings
from tradepit.trading.model.errors import ConfigError, TimedOut, Unavailable

STORY = {
    "AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee": "cancelled", "cx2": "filled", "cx3": "filled", "cx4": "risk_rejected", "cx5": "filled",
}  # fmt: skip


class World:
    """A journal, the records of it, and writers that come and go."""

    def __init__(self) -> None:
        self.store = MemoryJournalStore()
        self.records: Any = FakeTradingRecords()
        self.writers: list[OrderRecords] = []

    async def write(self, entries: Sequence[Told], epoch: int = 1) -> None:
        journal = MemoryJournal(self.store)
        await journal.open()
        for facts in entries:
            records = [msgspec.json.encode(fact) for fact in facts]
            await journal.append(records, expected=len(self.store.entries), epoch=epoch)

    async def start(self, **settings: Any) -> OrderRecords:
        told = RecordSettings(**{"flush_s": 0.001, **settings})
        writer = OrderRecords(MemoryJournal(self.store), self.records, SystemClock(), told, "order-records-1")
        self.writers.append(writer)
        await writer.start()
        return writer

    async def told(self, entry: int = 0) -> None:
        await until(lambda: self.records.progress.entry == (entry or len(self.store.entries)))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    for writer in made.writers:
        await writer.stop()


async def test_the_journal_is_told_once_and_goes_on(world: World) -> None:
    story = a_story()
    await world.write(story.entries[:8])
    writer = await world.start()
    await world.told()
    await world.write(story.entries[8:])
    await world.told()
    assert world.records.orders == STORY
    await until(lambda: writer.health().ready)
    figures = writer.health().figures
    assert (figures["journal_entry"], figures["behind"], figures["rebuilds"], figures["trades_waiting"]) == (16, 0, 0, 0)
    assert (writer.health().status, writer.health().reason) == ("ACTIVE", "")


async def test_a_writer_that_comes_after_tells_only_what_is_new(world: World) -> None:
    story = a_story()
    await world.write(story.entries[:9])
    first = await world.start()
    await world.told()
    await first.stop()
    before = len(world.records.batches)
    await world.write(story.entries[9:])
    await world.start()
    await world.told()
    assert world.records.batches[before].after == 9
    assert world.records.orders == STORY
    # What bots hold is made of trades of before, too.
    assert world.records.batches[-1].positions["A1", "b1", "IF2501"].lots == 0


@pytest.mark.parametrize("away", [Unavailable("away"), TimedOut("slow"), ConfigError("old tables")])
async def test_records_that_are_away_are_waited_for_and_nothing_is_lost(world: World, away: Any) -> None:
    story = a_story()
    world.records.away = away
    writer = await world.start()
    await world.write(story.entries[:6])
    await until(lambda: world.records.calls > 1)
    assert (writer.health().status, writer.health().ready, away.message in writer.health().reason) == ("UNHEALTHY", False, True)
    world.records.away = None
    await world.told()
    world.records.away = away
    await world.write(story.entries[6:])
    calls = world.records.calls
    await until(lambda: world.records.calls > calls + 1)
    assert away.message in writer.health().reason
    world.records.away = None
    await world.told()
    await until(lambda: not writer.health().reason)
    assert world.records.orders == STORY


async def test_an_answer_that_is_lost_tells_nothing_twice(world: World) -> None:
    world.records.lost = True
    await world.start(flush_rows=3)
    await world.write(a_story().entries)
    await world.told()
    reach = [(batch.after, batch.through) for batch in world.records.batches]
    assert [after for after, _ in reach] == [0, *(through for _, through in reach[:-1])]
    assert world.records.orders == STORY


async def test_records_that_somebody_empties_are_told_again_while_it_runs(world: World) -> None:
    story = a_story()
    writer = await world.start()
    await world.write(story.entries[:10])
    await world.told()
    await world.records.forget()
    await world.write(story.entries[10:])
    await world.told()
    assert world.records.batches[0].after == 0
    assert world.records.orders == STORY
    assert writer.rebuilds == 1


async def test_records_that_somebody_empties_are_told_again_though_nothing_new_comes(world: World) -> None:
    writer = await world.start(look_s=0.005)
    await world.write(a_story().entries)
    await world.told()
    await world.records.forget()
    await world.told()
    assert (world.records.orders, writer.rebuilds) == (STORY, 1)


async def test_a_start_reads_on_from_what_was_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    story = a_story()
    await world.write(story.entries[:14])
    first = await world.start(flush_rows=3, fold_entries=4)
    # Kept whenever enough had come, and at the new day.
    await until(lambda: bool(world.records.folds) and world.records.folds[-1].told.entry >= 13)
    await first.stop()
    places = [kept.told.entry for kept in world.records.folds]
    assert len(places) > 1
    read: list[int] = []
    follow = MemoryJournal.follow

    def watched(journal: MemoryJournal, after: int = 0) -> AsyncIterator[Entry]:
        read.append(after)
        return follow(journal, after)

    monkeypatch.setattr(MemoryJournal, "follow", watched)
    await world.write(story.entries[14:])
    second = await world.start(flush_rows=3)
    await world.told()
    assert read == [places[-1]]
    assert world.records.orders == STORY
    assert world.records.batches[-1].positions["A1", "b1", "IF2501"].lots == 0
    assert second.fold.settled_days == first.fold.settled_days


@pytest.mark.parametrize("harm", ["body", "mark", "place", "origin"])
async def test_what_was_kept_is_not_believed_when_it_is_not_of_the_journal(world: World, harm: str) -> None:
    story = a_story()
    await world.write(story.entries[:14])
    first = await world.start(flush_rows=3, fold_entries=4)
    await until(lambda: bool(world.records.folds))
    await world.told()
    await first.stop()
    kept = world.records.folds[-1]
    harms: dict[str, dict[str, Any]] = {"mark": {"mark": "x"}, "place": {"entry": 99}, "origin": {"origin": "x"}, "body": {}}
    body = b"nothing" if harm == "body" else kept.body
    world.records.folds.append(msgspec.structs.replace(kept, body=body, told=msgspec.structs.replace(kept.told, **harms[harm])))
    await world.write(story.entries[14:])
    await world.start()
    await world.told()
    assert (world.records.orders, world.records.forgotten) == (STORY, 0)


async def test_records_of_another_journal_are_refused_and_left_alone(world: World) -> None:
    await world.write(a_story().entries[:5])
    writer = await world.start()
    await world.told()
    await writer.stop()
    told = world.records.progress
    world.store = MemoryJournalStore()
    await world.write(a_story().entries[:5], epoch=2)
    other = await world.start()
    await until(lambda: "another journal" in other.health().reason)
    assert (world.records.progress, world.records.forgotten) == (told, 0)


async def test_entries_that_a_power_cut_took_back_are_told_anew(world: World) -> None:
    story = a_story()
    await world.write(story.entries[:12])
    writer = await world.start()
    await world.told()
    await writer.stop()
    # The journal is shorter than what was told.
    del world.store.entries[8:]
    second = await world.start()
    await world.told()
    await second.stop()
    assert world.records.forgotten == 1
    # Another entry is in the place of one that was told.
    del world.store.entries[7:]
    other = Story()
    other.accept(an_intent("other"))
    await world.write(other.entries)
    await world.start()
    await until(lambda: "cother" in world.records.orders)
    assert world.records.forgotten == 2
    assert world.records.batches[0].after == 0


async def test_a_record_that_cannot_be_read_stops_the_telling_and_says_so(world: World) -> None:
    await world.write(a_story().entries[:3])
    journal = MemoryJournal(world.store)
    await journal.open()
    await journal.append([b"{"], expected=3, epoch=1)
    writer = await world.start(flush_rows=1)
    await until(lambda: "JOURNAL_CORRUPTED" in writer.health().reason)
    assert world.records.progress.entry == 3
