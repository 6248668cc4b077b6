import pytest

from tradepit.trading.ledger.closing import Closed, closable, consume, freeze, frozen_by_day, holding, over_close, reported_offset
from tradepit.trading.ledger.lots import Lot, Lots
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset

CLOSING = (Offset.CLOSE, Offset.CLOSETODAY, Offset.CLOSEYESTERDAY)


def two_history_three_today() -> Lots:
    return Lots(1, history=(Lot(90, 2, 1),), today=(Lot(100, 3, 2),), fee_today_lots=3)


@pytest.mark.parametrize(
    ("rule", "offset", "volume", "closed"),
    [
        (CloseRule.NAMED, Offset.CLOSE, 2, Closed(0, 0, 2, 0)),
        (CloseRule.NAMED, Offset.CLOSEYESTERDAY, 1, Closed(0, 0, 1, 0)),
        (CloseRule.NAMED, Offset.CLOSETODAY, 2, Closed(2, 200, 0, 2)),
        (CloseRule.FIFO, Offset.CLOSE, 3, Closed(1, 100, 2, 1)),
        (CloseRule.FIFO, Offset.CLOSETODAY, 1, Closed(0, 0, 1, 0)),
        (CloseRule.FIFO_FEE_TODAY_FIRST, Offset.CLOSE, 2, Closed(0, 0, 2, 2)),
        (CloseRule.FIFO_FEE_TODAY_FIRST, Offset.CLOSE, 4, Closed(2, 200, 2, 3)),
        (CloseRule.NET, Offset.NET, 3, Closed(1, 100, 2, 1)),
    ],
)
def test_which_lots_a_close_consumes(rule: CloseRule, offset: Offset, volume: int, closed: Closed) -> None:
    lots = two_history_three_today()
    assert consume(lots, rule, offset, volume) == closed
    assert lots.total == 5 - volume


@pytest.mark.parametrize(
    ("rule", "offset", "there"),
    [
        (CloseRule.NAMED, Offset.CLOSE, 2),
        (CloseRule.NAMED, Offset.CLOSEYESTERDAY, 2),
        (CloseRule.NAMED, Offset.CLOSETODAY, 3),
        (CloseRule.FIFO, Offset.CLOSE, 5),
        (CloseRule.FIFO, Offset.CLOSETODAY, 5),
        (CloseRule.FIFO_FEE_TODAY_FIRST, Offset.CLOSE, 5),
    ],
)
def test_closable_is_the_bucket_minus_what_is_frozen_in_it(rule: CloseRule, offset: Offset, there: int) -> None:
    lots = two_history_three_today()
    assert holding(lots, rule, offset) == closable(lots, rule, offset) == there
    freeze(lots, rule, offset, 2)
    assert closable(lots, rule, offset) == there - 2
    freeze(lots, rule, offset, -2)
    assert closable(lots, rule, offset) == there


def test_named_buckets_freeze_apart_and_others_show_history_first() -> None:
    lots = two_history_three_today()
    freeze(lots, CloseRule.NAMED, Offset.CLOSETODAY, 3)
    assert closable(lots, CloseRule.NAMED, Offset.CLOSE) == 2
    assert frozen_by_day(lots, CloseRule.NAMED) == (3, 0)
    lots = two_history_three_today()
    freeze(lots, CloseRule.FIFO, Offset.CLOSE, 3)
    assert frozen_by_day(lots, CloseRule.FIFO) == (1, 2)


@pytest.mark.parametrize(
    ("rule", "offset", "code"),
    [
        (CloseRule.NAMED, Offset.CLOSE, "OVER_CLOSEYESTERDAY"),
        (CloseRule.NAMED, Offset.CLOSETODAY, "OVER_CLOSETODAY"),
        (CloseRule.FIFO, Offset.CLOSETODAY, "OVER_CLOSE_POSITION"),
        (CloseRule.NET, Offset.CLOSE, "OVER_CLOSE_POSITION"),
    ],
)
def test_codes_of_closing_too_much(rule: CloseRule, offset: Offset, code: str) -> None:
    assert over_close(rule, offset, 2, 1).reason_code == code


def test_reported_offsets() -> None:
    assert [reported_offset(CloseRule.NAMED, offset) for offset in CLOSING] == list(CLOSING)
    for rule in (CloseRule.FIFO, CloseRule.FIFO_FEE_TODAY_FIRST):
        assert {reported_offset(rule, offset) for offset in CLOSING} == {Offset.CLOSE}
        assert reported_offset(rule, Offset.OPEN) is Offset.OPEN
    assert reported_offset(CloseRule.NET, Offset.OPEN) is Offset.NET
