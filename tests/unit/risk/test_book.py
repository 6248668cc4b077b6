"""An account's day: profit against its opening equity."""

from decimal import Decimal

from tradepit.trading.model.product import CloseRule
from tradepit.trading.risk.book import AccountBook
from tradepit.trading.risk.holding import Holding, Leg


def test_the_day_is_marked_and_rolled() -> None:
    book = AccountBook(opening_equity=Decimal(1000))
    holding = Holding(close_rule=CloseRule.FIFO, long=Leg(today=2))
    book.mark(holding, Decimal("10.3"), 10)
    assert book.day_result == 0
    book.mark(holding, Decimal("9.8"), 10)
    book.fees += Decimal(3)
    assert (book.day_result, book.equity) == (Decimal(-13), Decimal(987))
    book.roll()
    assert (book.opening_equity, book.day_result) == (Decimal(987), Decimal(0))
