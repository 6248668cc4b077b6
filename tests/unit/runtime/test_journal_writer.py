"""Group commit: in order, all or none, and every waiter learns what became of its records."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

import pytest
from tests.waiting import settle, until

from tradepit.backends.journal.memory import MemoryJournal, MemoryJournalStore
from tradepit.runtime.journal_writer import JournalWriter, durable
from tradepit.trading.model.errors import JournalConflict, JournalCorrupted, NotActive, StaleEpoch, TimedOut, Unavailable


class WildJournal(MemoryJournal):
    """Fails as told: before an append, or after it was kept."""

    def __init__(self, store: MemoryJournalStore) -> None:
        super().__init__(store)
        self.before: deque[Exception] = deque()
        self.after: deque[Exception] = deque()
        self.hold: asyncio.Event | None = None
        self.appends = 0
        self.blind = 0

    async def append(self, records: Sequence[bytes], *, expected: int, epoch: int) -> int:
        self.appends += 1
        if self.hold is not None:
            await self.hold.wait()
        if self.before:
            raise self.before.popleft()
        number = await super().append(records, expected=expected, epoch=epoch)
        if self.after:
            raise self.after.popleft()
        return number

    async def last(self) -> tuple[int, int]:
        if self.blind:
            self.blind -= 1
            raise Unavailable
        return await super().last()


class Bench:
    def __init__(self) -> None:
        self.store = MemoryJournalStore()
        self.journal = WildJournal(self.store)
        self.fenced = 0
        self.writer = JournalWriter(self.journal, last=0, epoch=2, on_fenced=self.fence)

    def fence(self) -> None:
        self.fenced += 1

    def records(self) -> list[bytes]:
        return [record for entry in self.store.entries for record in entry.records]

    async def interfere(self, epoch: int, *records: bytes) -> None:
        other = MemoryJournal(self.store)
        await other.open()
        await other.append(records, expected=len(self.store.entries), epoch=epoch)


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr("tradepit.runtime.journal_writer._RETRY_S", 0)
    made = Bench()
    await made.journal.open()
    made.writer.start()
    yield made
    await made.writer.stop()


async def test_what_waits_is_written_as_one_entry_in_order(bench: Bench) -> None:
    bench.journal.hold = asyncio.Event()
    first = bench.writer.put([b"1"])
    await settle()
    others = [bench.writer.put([b"2", b"3"]), bench.writer.put([b"4"])]
    assert bench.writer.backlog == 3
    bench.journal.hold.set()
    assert [await first, *[await other for other in others]] == [1, 2, 2]
    assert [entry.records for entry in bench.store.entries] == [(b"1",), (b"2", b"3", b"4")]
    assert (bench.writer.last, bench.writer.backlog) == (2, 0)


async def test_an_entry_is_bounded_and_never_splits_what_was_put_together(bench: Bench) -> None:
    bench.journal.hold = asyncio.Event()
    puts = [bench.writer.put([b"x"] * 300) for _ in range(5)]
    bench.journal.hold.set()
    assert [await put for put in puts] == [1, 2, 2, 3, 3]


async def test_a_journal_that_need_not_wait_has_written_when_put_returns(bench: Bench) -> None:
    assert bench.writer.put([b"1"]).result() == 1
    assert bench.writer.put([b"2"]).result() == 2
    await bench.interfere(3, b"other")
    assert isinstance(bench.writer.put([b"3"]).exception(), StaleEpoch)
    assert bench.records() == [b"1", b"2", b"other"]


async def test_waiters_that_go_away_change_nothing(bench: Bench) -> None:
    bench.journal.hold = asyncio.Event()
    waiting = asyncio.ensure_future(durable(bench.writer.put([b"1"])))
    await settle()
    waiting.cancel()
    gone = bench.writer.put([b"2"])
    gone.cancel()
    bench.journal.hold.set()
    assert await bench.writer.put([b"3"]) >= 2
    assert bench.records() == [b"1", b"2", b"3"]


async def test_another_writer_fences_for_good(bench: Bench) -> None:
    await bench.interfere(3, b"other")
    with pytest.raises(StaleEpoch) as refused:
        await bench.writer.put([b"1"])
    assert refused.value.details["cause"] == "STALE_EPOCH"
    with pytest.raises(NotActive):
        await durable(bench.writer.put([b"2"]))
    assert (bench.fenced, bench.writer.fenced, bench.records()) == (1, True, [b"other"])


async def test_a_conflict_of_the_same_epoch_fences_too(bench: Bench) -> None:
    await bench.interfere(2, b"other")
    with pytest.raises(StaleEpoch) as refused:
        await bench.writer.put([b"1"])
    assert refused.value.details["cause"] == "JOURNAL_CONFLICT"


async def test_everything_waiting_is_told_of_the_fence(bench: Bench) -> None:
    bench.journal.hold = asyncio.Event()
    puts = [bench.writer.put([b"x"]) for _ in range(5)]
    await settle()
    await bench.interfere(3, b"other")
    bench.journal.hold.set()
    outcomes = await asyncio.gather(*puts, return_exceptions=True)
    assert all(isinstance(outcome, StaleEpoch) for outcome in outcomes)
    assert bench.writer.backlog == 0


@pytest.mark.parametrize("error", [Unavailable(), TimedOut()])
async def test_an_append_that_did_not_happen_is_made_again(bench: Bench, error: Exception) -> None:
    bench.journal.before = deque([error, error])
    assert await bench.writer.put([b"1"]) == 1
    assert (bench.records(), bench.journal.appends) == ([b"1"], 3)


@pytest.mark.parametrize("error", [Unavailable(), TimedOut()])
async def test_an_append_whose_answer_was_lost_is_not_made_again(bench: Bench, error: Exception) -> None:
    bench.journal.after = deque([error])
    bench.journal.blind = 2
    assert await bench.writer.put([b"1"]) == 1
    assert await bench.writer.put([b"2"]) == 2
    assert (bench.records(), bench.journal.appends) == ([b"1", b"2"], 2)


async def test_an_attempt_that_is_kept_late_is_recognised(bench: Bench) -> None:
    """The first attempt times out, is looked for in vain, and lands before the second one."""
    bench.journal.before = deque([TimedOut()])

    async def land_late() -> tuple[int, int]:
        found = len(bench.store.entries), 0
        await bench.interfere(2, b"1")
        bench.journal.last = original  # type: ignore[method-assign]  # only the first look is too early
        return found

    original = bench.journal.last
    bench.journal.last = land_late  # type: ignore[method-assign]  # only the first look is too early
    assert await bench.writer.put([b"1"]) == 1
    assert (bench.records(), bench.fenced) == ([b"1"], 0)


async def test_an_attempt_kept_before_a_successor_wrote_is_durable_and_then_the_term_ends(bench: Bench) -> None:
    bench.journal.before = deque([TimedOut()])
    original = bench.journal.last

    async def too_early() -> tuple[int, int]:
        await bench.interfere(2, b"1")
        await bench.interfere(3, b"successor")
        bench.journal.last = original  # type: ignore[method-assign]  # only the first look is too early
        return 0, 0

    bench.journal.last = too_early  # type: ignore[method-assign]  # only the first look is too early
    assert await bench.writer.put([b"1"]) == 1
    with pytest.raises(StaleEpoch):
        await bench.writer.put([b"2"])
    assert bench.records() == [b"1", b"successor"]


async def test_a_lost_answer_behind_which_somebody_else_wrote_fences(bench: Bench) -> None:
    bench.journal.before = deque([Unavailable()])
    await bench.interfere(3, b"other")
    with pytest.raises(StaleEpoch):
        await bench.writer.put([b"1"])
    assert bench.records() == [b"other"]


@pytest.mark.parametrize("error", [JournalCorrupted(), OSError("disk"), ValueError("a bug")])
async def test_whatever_the_journal_fails_with_nobody_waits_for_ever(bench: Bench, error: Exception) -> None:
    bench.journal.before = deque([error])
    with pytest.raises(StaleEpoch) as refused:
        await bench.writer.put([b"1"])
    assert refused.value.details["cause"] in ("JOURNAL_CORRUPTED", "INTERNAL_ERROR")
    assert bench.fenced == 1


async def test_stopping_writes_what_waits_and_refuses_what_comes_later(bench: Bench) -> None:
    bench.journal.hold = asyncio.Event()
    puts = [bench.writer.put([b"x"]) for _ in range(3)]
    stopping = asyncio.ensure_future(bench.writer.stop())
    await settle()
    bench.journal.hold.set()
    await stopping
    assert [await put for put in puts] == [1, 2, 2]
    with pytest.raises(StaleEpoch):
        await bench.writer.put([b"late"])
    assert bench.fenced == 0
    await bench.writer.stop()


async def test_stopping_does_not_wait_for_a_journal_out_of_reach(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradepit.runtime.journal_writer._DRAIN_S", 0.0)
    bench.journal.before = deque(Unavailable() for _ in range(10_000))
    put = bench.writer.put([b"x"])
    await until(lambda: bench.journal.appends > 3)
    await bench.writer.stop()
    with pytest.raises(StaleEpoch):
        await put


async def test_a_writer_that_never_started_can_be_stopped() -> None:
    bench = Bench()
    put = bench.writer.put([b"x"])
    await bench.writer.stop()
    with pytest.raises(StaleEpoch):
        await put


async def test_durable_tells_other_failures_as_they_are() -> None:
    failed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    failed.set_exception(JournalConflict())
    with pytest.raises(JournalConflict):
        await durable(failed)


class Gathering(WildJournal):
    """A journal whose appends are worth sharing."""

    @property
    def gathers(self) -> bool:
        return True


@pytest.fixture
async def gathering(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    made = Bench()
    made.journal = Gathering(made.store)
    made.writer = JournalWriter(made.journal, last=0, epoch=2, on_fenced=made.fence)
    await made.journal.open()
    made.writer.start()
    yield made
    await made.writer.stop()


async def test_what_comes_in_one_turn_shares_an_entry(gathering: Bench) -> None:
    puts = [gathering.writer.put([b"%d" % number]) for number in range(3)]
    assert [await put for put in puts] == [1, 1, 1]


async def test_lazy_records_wait_for_company_and_keep_their_place(gathering: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradepit.runtime.journal_writer._LAZY_S", 60.0)
    lazy = gathering.writer.put([b"1"], lazy=True)
    await settle()
    assert not lazy.done()
    assert await gathering.writer.put([b"2"]) == 1
    assert lazy.result() == 1
    assert gathering.records() == [b"1", b"2"]


async def test_lazy_records_alone_are_written_after_a_moment(gathering: Bench) -> None:
    assert await gathering.writer.put([b"1"], lazy=True) == 1
    gathering.writer.put([b"2"], lazy=True)
    gathering.writer.hurry()
    await until(lambda: gathering.writer.last == 2)


async def test_stopping_writes_what_is_lazy_too(gathering: Bench) -> None:
    gathering.writer.put([b"1"], lazy=True)
    await gathering.writer.stop()
    assert gathering.records() == [b"1"]


async def test_what_comes_while_a_group_is_on_its_way_shares_the_next_entry(
    gathering: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradepit.runtime.journal_writer._HOLD_S", 60.0)
    gathering.writer.hold()
    first = gathering.writer.put([b"1"])
    await settle()
    second = gathering.writer.put([b"2"])
    assert not first.done()
    gathering.writer.release()
    assert (await first, await second) == (1, 1)


async def test_an_answer_that_does_not_come_holds_nothing_up_for_long(gathering: Bench) -> None:
    gathering.writer.hold()
    assert await gathering.writer.put([b"1"]) == 1
    assert await gathering.writer.put([b"2"]) == 2
