"""How updates of an order become one record, and what no record can hold."""

from decimal import Decimal

import msgspec
import pytest
from tests.order_updates import an_event, an_update, filled

from tradepit.trading.model.errors import BadRequest
from tradepit.trading.orders.order_record import (
    OrderEvent,
    check_event,
    check_update,
    identity_of,
    merge,
    merge_all,
    record_of,
)


def test_an_update_alone_is_what_is_known() -> None:
    record = record_of(filled(4))
    assert (record.filled_lots, record.left_lots, record.trade_price, record.status) == (4, 6, Decimal("3498.5"), "ALIVE")


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (an_update(), filled(4)),
        (filled(4, after_s=9), filled(5, after_s=1)),
        (filled(5, after_s=9), filled(5, after_s=1, finished=True, status="FINISHED")),
        (filled(5, after_s=1, status="PENDING"), filled(5, after_s=2)),
        (filled(5, status="PENDING"), filled(5, sequence=1)),
        (filled(5, after_s=2, status="PARTIAL"), filled(6, after_s=1)),
    ],
    ids=["first fill", "more filled", "finished", "later", "higher sequence", "more filled though earlier"],
)
def test_the_newer_of_two_is_the_record_whichever_comes_first(older: msgspec.Struct, newer: msgspec.Struct) -> None:
    one, other = record_of(older), record_of(newer)  # type: ignore[arg-type]  # both are updates
    assert merge(one, other) == merge(other, one)
    assert (merge(one, other).status, merge(one, other).filled_lots) == (other.status, other.filled_lots)


def test_a_finished_order_is_not_reopened_by_a_late_fill() -> None:
    cancelled = record_of(filled(3, after_s=5, finished=True, status="FINISHED"))
    late = record_of(filled(5, after_s=6, trade_price=Decimal("3499.0")))
    merged = merge(cancelled, late)
    assert (merged.finished, merged.status, merged.filled_lots, merged.left_lots) == (True, "FINISHED", 5, 5)
    assert merged.trade_price == Decimal("3499.0")


def test_what_is_known_is_not_forgotten() -> None:
    known = filled(4, exchange_order_id="X1")
    merged = merge(record_of(known), record_of(filled(4, after_s=9, exchange_order_id=None, trade_price=None, limit_price=None)))
    assert (merged.exchange_order_id, merged.trade_price, merged.limit_price) == ("X1", Decimal("3498.5"), Decimal("3500.0"))


def test_updates_of_many_orders_become_one_record_each_in_the_order_of_ids() -> None:
    merged = merge_all([filled(4, order_id="b"), an_update("a"), an_update("b")])
    assert [(order_id, record.filled_lots) for order_id, record in merged.items()] == [("a", 0), ("b", 4)]


def test_an_event_is_told_apart_by_order_kind_and_identity_or_body() -> None:
    one = an_event(filled_quantity=3)
    assert identity_of(one) == identity_of(msgspec.structs.replace(one, portfolio_id="other"))
    assert len({identity_of(one), identity_of(an_event(filled_quantity=4)), identity_of(an_event("X", filled_quantity=3))}) == 3
    assert identity_of(an_event(identity="3")) == ("o1", "PARTIAL_FILL", "3")


@pytest.mark.parametrize("price", [None, Decimal(0), Decimal("-37.63"), Decimal("123456.789012345"), Decimal("1E+15")])
def test_prices_that_both_databases_keep_exactly_are_taken(price: Decimal | None) -> None:
    assert check_update(an_update(limit_price=price)).limit_price == price


@pytest.mark.parametrize("price", ["NaN", "Infinity", "0.1234567891", "1234567890123456", "1E+16"])
def test_prices_that_they_do_not_are_refused(price: str) -> None:
    with pytest.raises(BadRequest):
        check_update(an_update(limit_price=Decimal(price)))


@pytest.mark.parametrize("body", [b"", b"nothing", b'{"a": "\\u0000"}', b'"\\\\\\u0000"', b"\xff"])
def test_bodies_that_a_database_does_not_keep_are_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        check_event(OrderEvent(order_id="o", portfolio_id="p", kind="k", body=body))


def test_a_backslash_before_the_word_of_a_nul_is_no_nul() -> None:
    event = OrderEvent(order_id="o", portfolio_id="p", kind="k", body=b'"\\\\u0000"')
    assert check_event(event) is event
