from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.matching.venue_market import Market, OrderEntry
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import OrderStatus, SessionPhase, Side
from tradepit.trading.model.tick import Level


def market() -> Market:
    catalog = load_catalog()
    instrument = catalog.instrument("IF2501", on=date(2025, 1, 6), listing_price=Decimal(3800))
    phases = catalog.calendar.phases(date(2025, 1, 6), "cffex_index")
    made = Market(instrument, Decimal(3800), phases)
    made.phase = SessionPhase.CONTINUOUS
    return made


def entry(intent: OrderIntent, at: Market) -> OrderEntry:
    made = OrderEntry(Order(intent=intent, status=OrderStatus.OPEN))
    made.book_id = at.next_book_id()
    return made


def test_ids_are_tokens_that_never_repeat_within_a_day() -> None:
    at = market()
    assert [at.next_order_id(20250106) for _ in range(2)] == ["IF2501-20250106-1", "IF2501-20250106-2"]
    assert [at.next_trade_id(20250106) for _ in range(2)] == ["IF2501-20250106-T1", "IF2501-20250106-T2"]


def test_the_continuous_sessions_time_the_settlement_tapes() -> None:
    at = market()
    assert len(at.own_tape.lots) == len(at.outside_tape.lots) == 4, "four trading hours"


def test_working_orders_are_counted_by_account(pit: Callable[..., Any]) -> None:
    at, orders = market(), pit("IF2501")
    first, second = (entry(orders.intent("ann", f"x{price}", Side.BUY, price, 2), at) for price in (19_000, 19_001))
    at.rest(first, 19_000, 2)
    at.rest(second, 19_001, 2)
    assert at.working_of == {"ann": 2}
    assert at.depth(5) == ((Level(19_001, 2), Level(19_000, 2)), ())
    assert at.best_crossing(Side.SELL, 19_001) == second.book_id
    assert at.best_crossing(Side.SELL, 19_002) == 0
    assert at.best_crossing(Side.BUY, 20_900) == 0
    at.forget(first)
    at.forget(first)
    at.forget(second)
    assert (at.working_of, at.working) == ({}, {})


def test_a_new_day_has_a_new_band_and_the_old_close() -> None:
    at = market()
    at.statistics.trade(19_050, 2)
    assert at.mark() == 3810
    at.begin_day(Decimal("3805.5"), ())
    assert (at.low, at.high, at.mark()) == (17_125, 20_930, Decimal("3805.5"))
    assert at.statistics.pre_close_ticks == 19_050
