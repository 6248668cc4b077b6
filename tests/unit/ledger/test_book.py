from collections.abc import Callable
from decimal import Decimal

import pytest

from tradepit.trading.ledger.book import Book
from tradepit.trading.ledger.contract import Contract
from tradepit.trading.ledger.lots import Lot, Lots
from tradepit.trading.ledger.rules import MarginPrice
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.terms import Side


@pytest.fixture
def book(instrument: Callable[..., Instrument]) -> Book:
    """Long 2 of history (3006) and 2 of today (3000), short 1 of today (3010); previous settlement 3005, last 3004."""
    contract = Contract(instrument(), Decimal(3005))
    contract.mark_ticks(3004)
    return Book(contract, Lots(1, (Lot(3006, 2, 1),), (Lot(3000, 2, 2),)), Lots(-1, (), (Lot(3010, 1, 2),)))


def test_profits_per_lot_against_their_own_basis(book: Book) -> None:
    assert book.position_profit(book.long) == (3004 - 3005) * 10 * 2 + (3004 - 3000) * 10 * 2
    assert book.float_profit(book.long) == (3004 - 3006) * 10 * 2 + (3004 - 3000) * 10 * 2
    assert book.position_profit(book.short) == book.float_profit(book.short) == (3010 - 3004) * 10
    assert book.basis() == 10 * (2 * 3005 + 2 * 3000 - 3010)
    assert book.net_lots == 3


@pytest.mark.parametrize(
    ("price", "today_price"), [(MarginPrice.OPEN, 3000), (MarginPrice.PRE_SETTLEMENT, 3005), (MarginPrice.LAST, 3004)]
)
def test_history_is_margined_at_the_previous_settlement_and_today_as_chosen(
    book: Book, price: MarginPrice, today_price: int
) -> None:
    assert book.margin(book.long, price) == (2 * 3005 + 2 * today_price) * 10 * Decimal("0.1")


def test_the_position_others_see(book: Book) -> None:
    position = book.position("a", book.long, MarginPrice.OPEN)
    assert (position.side, position.today_lots, position.yesterday_lots, position.lots) == (Side.BUY, 2, 2, 4)
    assert position.open_cost == (2 * 3006 + 2 * 3000) * 10
    assert [position.float_profit, position.position_profit, position.margin] == [40, 60, 12010]
    assert book.position("a", book.short, MarginPrice.OPEN).side is Side.SELL


def test_sides(book: Book) -> None:
    assert book.opened_by(Side.BUY) is book.closed_by(Side.SELL) is book.long
    assert book.opened_by(Side.SELL) is book.closed_by(Side.BUY) is book.short
    assert not book.flat
