"""A seat knows what works and what can still be closed."""

from datetime import date
from decimal import Decimal

import pytest

from tradepit.bots.agents.seat import Seat
from tradepit.bots.agents.view import Holding, Place
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.ledger.book import Book
from tradepit.trading.ledger.contract import Contract
from tradepit.trading.ledger.lots import Lot, Lots
from tradepit.trading.model.terms import Exchange, Offset, Side
from tradepit.trading.model.trade import Trade


def book(symbol: str) -> Book:
    instrument = load_catalog().instrument(symbol, on=date(2025, 1, 6), listing_price=Decimal(1))
    return Book(Contract(instrument, Decimal(3000)), Lots(1, (Lot(3000, 4, 20250103),), (Lot(3000, 3, 20250106),)))


def place(side: Side, offset: Offset, lots: int) -> Place:
    return Place(side=side, offset=offset, price_ticks=3000, lots=lots)


def fill(client_order_id: str, lots: int) -> Trade:
    return Trade(
        trade_id="1", order_id="1", client_order_id=client_order_id, account="a", symbol="rb2505", exchange=Exchange.SHFE,
        side=Side.SELL, offset=Offset.CLOSE, price_ticks=3000, volume_lots=lots, time_ns=1, trading_day=20250106,
    )  # fmt: skip


def test_working_closes_are_taken_off_their_own_bucket_where_buckets_are_named() -> None:
    seat = Seat("a", "rb2505")
    seat.sent("x", place(Side.SELL, Offset.CLOSE, 3), 0)
    seat.sent("y", place(Side.SELL, Offset.CLOSETODAY, 2), 0)
    seat.sent("z", place(Side.SELL, Offset.OPEN, 9), 0)
    seat.sent("w", place(Side.BUY, Offset.CLOSE, 9), 0)
    assert seat.holding(book("rb2505")) == Holding(long_today=1, long_history=1, net=7)


@pytest.mark.parametrize(("closing", "today", "history"), [(3, 3, 1), (5, 2, 0), (7, 0, 0), (9, 0, 0)])
def test_elsewhere_history_is_closed_first(closing: int, today: int, history: int) -> None:
    seat = Seat("a", "m2505")
    seat.sent("x", place(Side.SELL, Offset.CLOSE, closing), 0)
    assert seat.holding(book("m2505")) == Holding(long_today=today, long_history=history, net=7)


def test_fills_and_ends_free_what_was_working() -> None:
    seat = Seat("a", "rb2505")
    seat.sent("x", place(Side.SELL, Offset.CLOSE, 3), 1_000_000_000)
    seat.traded(fill("x", 1))
    seat.traded(fill("other", 1))
    (order,) = seat.resting(3_000_000_000)
    assert (order.left_lots, order.age_s) == (2, 2.0)
    seat.traded(fill("x", 2))
    seat.sent("y", place(Side.SELL, Offset.CLOSE, 3), 0)
    seat.ended("y")
    seat.ended("y")
    assert seat.resting(0) == ()
    assert seat.holding(None) == Holding()
