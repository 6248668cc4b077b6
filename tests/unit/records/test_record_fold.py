"""The fold of facts into rows: the last state of each, whatever was gathered together."""

import msgspec
from tests.order_path import DAY, START_NS, an_intent, instrument
from tests.record_story import INTENT_UUID, NEXT_DAY, Story, a_story, batches, d

from tradepit.trading.model.terms import OrderStatus
from tradepit.trading.orders import events as facts
from tradepit.trading.records.record_fold import RecordFold
from tradepit.trading.records.rows import RecordBatch


def test_of_what_was_gathered_the_last_state_counts() -> None:
    fold = RecordFold()
    [news] = batches(a_story().entries, 100, fold)
    assert (news.after, news.through, fold.entry) == (0, 16, 16)
    order = news.orders["A1", INTENT_UUID, 2]
    assert (order.status, order.filled_qty, order.left_qty, order.entry) == ("cancelled", 4, 0, 11)
    assert (order.created_at, order.updated_at) == (START_NS + 1_000_000_000, START_NS + 10_000_000_000)
    assert [len(news.orders), len(news.executions), len(news.positions), len(news.pnl)] == [5, 5, 3, 6]
    assert (list(news.limits), len(news.events), news.rows) == (["bot:b1"], 4, 24)
    assert fold.settled_days == [DAY]
    assert {key[0] for key in news.pnl} == {DAY, NEXT_DAY}


def test_what_was_told_before_is_folded_quietly_and_what_follows_is_the_same() -> None:
    entries = a_story().entries
    quiet, loud = RecordFold(), RecordFold()
    for number, entry in enumerate(entries[:9], start=1):
        quiet.fold(number, entry)
    batches(entries[:9], 1, loud)
    told = []
    for fold in (quiet, loud):
        news = RecordBatch(after=9, through=9)
        for number, entry in enumerate(entries[9:], start=10):
            fold.fold(number, entry, news)
        told.append(news)
    assert told[0] == told[1]
    assert quiet.settled_days == loud.settled_days


def test_repeated_reports_change_nothing() -> None:
    story = Story()
    story.tell(facts.InstrumentKnown(time_ns=0, instrument=instrument(), reference="3900"))
    intent = an_intent()
    story.accept(intent)
    trade, filled = story.trade(intent, 5), story.order(intent, OrderStatus.FILLED, 5)
    story.tell(trade, filled)
    fold = RecordFold()
    batches(story.entries, 1, fold)
    [again] = batches([[trade, filled, story.order(intent, OrderStatus.OPEN)]], 1, fold)
    assert again.rows == 0


def test_a_trade_waits_until_its_contract_is_known() -> None:
    story = Story()
    intent = an_intent()
    story.accept(intent)
    story.tell(story.trade(intent, 2))
    fold = RecordFold()
    before = batches(story.entries, 1, fold)
    assert (fold.waiting, [len(news.executions) for news in before]) == (1, [0, 0])
    assert before[0].orders["A1", "c1", 1].price is None
    known = facts.InstrumentKnown(time_ns=START_NS, instrument=instrument(), reference="3900")
    [news] = batches([[known]], 1, fold)
    [fill] = news.executions.values()
    assert (fill.fill_price, fill.order, fill.entry, fold.waiting) == (d("3900"), ("A1", "c1", 1), 3, 0)


def test_rows_are_values() -> None:
    [news] = batches(a_story().entries, 100)
    for rows in (news.orders, news.executions, news.positions, news.pnl, news.limits, news.events):
        for row in rows.values():
            assert msgspec.convert(msgspec.to_builtins(row), type(row)) == row
