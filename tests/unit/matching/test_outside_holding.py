from datetime import date
from decimal import Decimal

from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.matching.outside_holding import OutsideHolding
from tradepit.trading.model.terms import Side


def test_the_outside_is_worth_the_opposite_of_what_accounts_gain() -> None:
    instrument = load_catalog().instrument("IF2501", on=date(2025, 1, 6), listing_price=Decimal(3800))
    holding = OutsideHolding()
    assert holding.trade(Side.SELL, 19_000, 3) == 3, "a position of three lots exists now"
    assert holding.trade(Side.BUY, 19_010, 1) == -1, "one of them is closed"
    assert holding.lots == -2
    assert holding.value(instrument, Decimal(3800)) == Decimal(-600), "bought one lot back two points dearer, times 300"
    assert holding.value(instrument, Decimal("3799.5")) == Decimal(-600) + 300, "two short lots gain half a point each"


def test_crossing_through_zero_tells_the_change_of_the_open_position() -> None:
    holding = OutsideHolding(lots=2)
    assert holding.trade(Side.SELL, 100, 5) == 1
    assert holding.lots == -3
