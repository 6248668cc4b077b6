"""A fold that is made again from a snapshot goes on as if it had never stopped."""

import msgspec
import pytest
from tests.record_story import a_story
from tests.unit.orders.test_register import a_trade

from tradepit.trading.model.errors import JournalCorrupted
from tradepit.trading.model.report import TradeReport
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.register_snapshot import Trades
from tradepit.trading.records import fold_snapshot
from tradepit.trading.records.fold_snapshot import restore, seal, take
from tradepit.trading.records.record_fold import RecordFold
from tradepit.trading.records.rows import RecordBatch

STRANGER = facts.ReportApplied(time_ns=1, report=TradeReport(sequence=0, time_ns=1, trading_day=20250106, trade=a_trade(99)))


@pytest.mark.parametrize("cut", range(1, 17))
def test_a_snapshot_anywhere_changes_nothing(cut: int) -> None:
    # A trade in a contract that is not known yet comes first, and waits.
    entries = [[STRANGER], *a_story().entries]
    whole = RecordFold()
    for number, entry in enumerate(entries[:cut], start=1):
        whole.fold(number, entry)
    again = restore(seal(list(take(whole))))
    assert (again.entry, again.settled_days, again.begun, again.waiting) == (
        whole.entry,
        whole.settled_days,
        whole.begun,
        whole.waiting,
    )
    told = []
    for fold in (whole, again):
        news = RecordBatch(after=cut, through=cut)
        for number, entry in enumerate(entries[cut:], start=cut + 1):
            fold.fold(number, entry, news)
        told.append(news)
    assert told[0] == told[1]
    assert pieces(whole) == pieces(again)


def pieces(fold: RecordFold) -> list[object]:
    """What is kept, read again: a set's members have no order that two equal sets share."""
    decoder = msgspec.msgpack.Decoder(fold_snapshot._Piece)
    read = [decoder.decode(piece) for piece in take(fold)]
    return [(piece.day, frozenset(piece.trade_ids)) if isinstance(piece, Trades) else piece for piece in read]


def test_what_is_no_snapshot_of_this_version_is_refused() -> None:
    good = list(take(RecordFold()))
    for bad in (b"", b"nothing", seal([b"x"]), seal([*good, b"\xc1"]), seal(good)[:-3]):
        with pytest.raises(JournalCorrupted):
            restore(bad)
