"""Children: their ids, and when they are settled."""

import pytest

from tradepit.trading.algos.child import Child, ChildId
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.terms import OrderStatus, OrderType


def make_child(**changes: object) -> Child:
    child = Child(
        child_id=ChildId(3, 0),
        client_order_id="algo-7-3-0",
        lots=5,
        price_ticks=1000,
        order_type=OrderType.FAK,
        sent_ns=1,
        asked_ns=1,
    )
    for name, value in changes.items():
        setattr(child, name, value)
    return child


def test_ids_are_tokens_and_can_be_read_back() -> None:
    text = ChildId(999_999, 99_999).text("x" * 48)
    assert check_id(text, "id") == text
    assert ChildId.parse("algo-7-3-0", "algo-7") == ChildId(3, 0)
    for stranger in ("algo-7-3", "algo-7-3-0-1", "algo-70-3-0", "xalgo-7-3-0", "algo-7-3-x", "algo-7-٣-0"):
        assert ChildId.parse(stranger, "algo-7") is None
    assert ChildId.parse("algo-7-3-0", "algo") is None


def test_the_next_id_follows_from_the_child_alone() -> None:
    assert make_child(status=OrderStatus.CANCELLED).next_id() == ChildId(4, 0)
    assert make_child(status=OrderStatus.REJECTED).next_id() == ChildId(3, 1)
    assert make_child(status=OrderStatus.RISK_REJECTED).next_id() == ChildId(3, 1)


@pytest.mark.parametrize(
    ("changes", "settled", "open_lots"),
    [
        ({}, False, 5),
        ({"status": OrderStatus.OPEN, "traded": 2}, False, 3),
        ({"status": OrderStatus.UNKNOWN}, False, 5),
        ({"status": OrderStatus.CANCELLED}, True, 0),
        ({"status": OrderStatus.CANCELLED, "traded": 2}, False, 3),
        ({"status": OrderStatus.CANCELLED, "traded": 2, "trade_lots": 2}, True, 0),
        ({"status": OrderStatus.CANCELLED, "traded": 2, "trades_told": False}, True, 0),
        ({"status": OrderStatus.OPEN, "trade_lots": 5}, True, 0),
        ({"status": OrderStatus.FILLED, "traded": 5, "trade_lots": 4}, False, 0),
    ],
)
def test_a_child_is_settled_when_finished_and_all_its_trades_are_seen(
    changes: dict[str, object], settled: bool, open_lots: int
) -> None:
    child = make_child(**changes)
    assert child.settled is settled
    assert child.open_lots == open_lots
