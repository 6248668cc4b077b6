"""Snapshots of order management: due by facts or days, believed only when they belong to the journal that is there."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger
from tests.order_path import DAY, AtMostTen, Office, an_intent
from tests.unit.orders.test_desk import a_desk, tell

from tradepit.backends.journal.file import FileJournal
from tradepit.backends.journal.memory import MemoryJournal
from tradepit.ports.journal import Snapshot
from tradepit.services.order_snapshots import OrderSnapshots
from tradepit.trading.model.errors import Unavailable
from tradepit.trading.model.report import DayReport
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.orders.desk_snapshot import seal, take

RULES = (AtMostTen(),)


@pytest.fixture
async def journal() -> MemoryJournal:
    made = MemoryJournal()
    await made.open()
    return made


@pytest.fixture
def warned() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), level="WARNING", format="{message}")
    yield lines
    logger.remove(sink)


def of(journal: MemoryJournal, every: int = 10, instance: str = "om-1") -> OrderSnapshots:
    return OrderSnapshots(journal, RULES, instance=instance, every=every)


async def write(journal: MemoryJournal, count: int, desk: OrderDesk | None = None, epoch: int = 1) -> OrderDesk:
    """So many accepted orders, one an entry; the desk that knows them."""
    desk = desk or OrderDesk(RULES)
    for _ in range(count):
        last, _ = await journal.last()
        fact = facts.OrderAccepted(time_ns=1, intent=an_intent(last + 1))
        await journal.append([Office.write(fact)], expected=last, epoch=epoch)
        desk.apply(fact, replayed=True)
    return desk


async def test_what_was_kept_is_read_back(journal: MemoryJournal) -> None:
    desk = await write(journal, 3)
    keeper = of(journal)
    await keeper.keep(desk, 3)
    reader = of(journal, instance="om-2")
    found = await reader.load()
    assert found is not None
    assert (found[1], keeper.kept, reader.kept) == (3, 3, 3)
    assert found[0].register.orders == desk.register.orders
    assert found[0].limits.base == RULES


async def test_without_a_snapshot_there_is_none_and_nobody_is_warned(journal: MemoryJournal, warned: list[str]) -> None:
    assert await of(journal).load() is None
    assert warned == []


async def test_one_ahead_of_the_journal_is_not_believed(journal: MemoryJournal, warned: list[str]) -> None:
    desk = await write(journal, 3)
    await of(journal).keep(desk, 3)
    journal._store.entries.pop()
    assert await of(journal).load() is None
    assert "ahead of the journal" in warned[-1]


async def test_one_of_entries_that_were_lost_and_written_anew_is_not_believed(journal: MemoryJournal, warned: list[str]) -> None:
    """After a power cut: the journal goes on from an earlier entry, past the number at which the snapshot stands."""
    desk = await write(journal, 3)
    await of(journal).keep(desk, 3)
    journal._store.entries.pop()
    await write(journal, 2, epoch=2)
    assert await of(journal).load() is None
    assert "not of this journal" in warned[-1]


@pytest.mark.parametrize("state", [b"", b"damaged", seal([b"\xc0"], 0)])
async def test_one_that_cannot_be_read_is_not_believed(journal: MemoryJournal, warned: list[str], state: bytes) -> None:
    await write(journal, 3)
    await journal.save_snapshot(Snapshot(sequence=2, state=state))
    assert await of(journal).load() is None
    assert "read in full" in warned[-1]


async def test_a_piece_that_cannot_be_read_spoils_it_all(journal: MemoryJournal, warned: list[str]) -> None:
    await write(journal, 1)
    keeper = of(journal)
    state = seal([*take(a_desk()), b"\xc0"], await keeper._mark(1))
    await journal.save_snapshot(Snapshot(sequence=1, state=state))
    assert await keeper.load() is None
    assert "cannot be read" in warned[-1]


async def test_a_journal_out_of_reach_is_told_to_who_starts(journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(self: MemoryJournal) -> Snapshot | None:
        raise Unavailable

    monkeypatch.setattr(MemoryJournal, "load_snapshot", away)
    with pytest.raises(Unavailable):
        await of(journal).load()


async def test_it_is_due_after_so_many_facts_and_at_each_new_day(journal: MemoryJournal) -> None:
    snapshots, desk = of(journal, every=3), a_desk()
    assert [snapshots.is_due(desk, sequence, 1) for sequence in (1, 2, 3)] == [False, False, True]
    tell(desk, _day(DAY, DAY - 1))
    await write(journal, 3)
    await snapshots.keep(desk, 3)
    assert not snapshots.is_due(desk, 4, 1), "the first day's name is no new day"
    tell(desk, _day(DAY + 1, DAY))
    assert snapshots.is_due(desk, 5, 1)
    assert snapshots.is_due(desk, 5, 1), "until it is kept"


def _day(new: int, settled: int) -> DayReport:
    return DayReport(sequence=0, time_ns=1, trading_day=new, settled_day=settled, settlement_prices={})


async def test_after_reading_one_it_is_due_so_many_facts_later(journal: MemoryJournal) -> None:
    await of(journal, every=2).keep(await write(journal, 2), 2)
    snapshots = of(journal, every=2)
    assert await snapshots.load() is not None
    assert [snapshots.is_due(a_desk(), sequence, 1) for sequence in (3, 4)] == [False, True]


def test_instances_take_turns(journal: MemoryJournal) -> None:
    due = {name: of(journal, every=20_000, instance=name)._every for name in ("om-1", "om-2", "om-3")}
    assert len(set(due.values())) == 3
    assert all(20_000 <= facts_between < 25_000 for facts_between in due.values())


async def test_who_has_still_much_to_read_waits_until_it_is_read(journal: MemoryJournal) -> None:
    desk = await write(journal, 2)
    await write(journal, 600)
    snapshots = of(journal, every=2)
    assert snapshots.is_due(desk, 2, 2)
    await snapshots.keep_following(desk, 2)
    assert await journal.load_snapshot() is None
    assert [snapshots.is_due(desk, sequence, 1) for sequence in (4, 601, 602)] == [False, False, True]
    await snapshots.keep_following(desk, 601)
    assert snapshots.kept == 601


async def test_the_same_entry_is_kept_once(journal: MemoryJournal) -> None:
    snapshots = of(journal)
    await snapshots.keep(await write(journal, 1), 1)
    journal._store.snapshot = None
    await snapshots.keep(a_desk(), 1)
    assert await journal.load_snapshot() is None


async def test_a_journal_that_takes_none_fails_nobody(
    journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch, warned: list[str]
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("no room")

    desk, snapshots = await write(journal, 3), of(journal, every=2)
    monkeypatch.setattr(MemoryJournal, "save_snapshot", away)
    await snapshots.keep_following(desk, 3)
    assert (snapshots.kept, "no room" in warned[-1]) == (0, True)
    assert [snapshots.is_due(desk, sequence, 1) for sequence in (4, 5)] == [False, True]
    monkeypatch.setattr(MemoryJournal, "last", away)
    await snapshots.keep_following(desk, 5)
    assert (snapshots.kept, "entry 5" in warned[-1]) == (0, True)
    monkeypatch.undo()
    await snapshots.keep(desk, 9)
    assert (snapshots.kept, "ahead of the journal" in warned[-1]) == (0, True)


async def test_others_run_while_one_is_made_and_an_interrupted_one_is_not_kept(journal: MemoryJournal) -> None:
    desk, snapshots = await write(journal, 2_500), of(journal)
    making = asyncio.ensure_future(snapshots.keep(desk, 2_500))
    await asyncio.sleep(0)
    assert not making.done()
    making.cancel()
    await asyncio.gather(making, return_exceptions=True)
    assert (await journal.load_snapshot(), snapshots.kept) == (None, 0)


async def test_a_file_journal_keeps_its_entries_beside_the_snapshot(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "orders", sync="os")
    await journal.open()
    desk = OrderDesk(RULES)
    for number in range(1, 6):
        fact = facts.OrderAccepted(time_ns=1, intent=an_intent(number))
        await journal.append([Office.write(fact)], expected=number - 1, epoch=1)
        desk.apply(fact, replayed=True)
    await OrderSnapshots(journal, RULES, instance="om-1", every=2).keep(desk, 5)
    assert (tmp_path / "orders.snapshot.5").exists()
    found = await OrderSnapshots(journal, RULES, instance="om-2", every=2).load()
    assert found is not None
    assert found[0].register.orders == desk.register.orders
    assert [entry.sequence async for entry in journal.read()] == [1, 2, 3, 4, 5]
    await journal.close()
