"""Updates and events of orders for the store's tests: one at a time, or as hypothesis likes."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tradepit.trading.orders.order_record import OrderEvent, OrderUpdate

NOON_NS = 1_734_521_405_000_000_000


def an_update(order_id: str = "o1", **changes: Any) -> OrderUpdate:
    """An order of ten lots that rests, told at noon, unless ``changes`` say otherwise."""
    fields: dict[str, Any] = {
        "portfolio_id": "1234567890", "symbol": "SHFE.rb2505", "side": "BUY", "offset": "OPEN", "status": "ALIVE", "finished": False,
        "volume_lots": 10, "left_lots": 10, "filled_lots": 0, "limit_price": Decimal("3500.0"), "inserted_ns": NOON_NS,
        "told_ns": NOON_NS, **changes,
    }  # fmt: skip
    return OrderUpdate(order_id=order_id, **fields)


def filled(lots: int, *, after_s: int = 1, order_id: str = "o1", **changes: Any) -> OrderUpdate:
    """The same order when ``lots`` of it have traded; finished when that is all."""
    done = lots == 10
    fields: dict[str, Any] = {
        "filled_lots": lots, "left_lots": 10 - lots, "trade_price": Decimal("3498.5"), "finished": done,
        "status": "FINISHED" if done else "ALIVE", "exchange_order_id": "X1", "told_ns": NOON_NS + after_s * 1_000_000_000, **changes,
    }  # fmt: skip
    return an_update(order_id, **fields)


def an_event(kind: str = "PARTIAL_FILL", *, order_id: str = "o1", identity: str = "", **body: object) -> OrderEvent:
    """Something that happened to the order."""
    told = json.dumps({"order_id": order_id, "event_type": kind, "limit_price": 3500.0, **body}).encode()
    return OrderEvent(order_id=order_id, portfolio_id="1234567890", kind=kind, body=told, identity=identity)


_PRICES = st.none() | st.integers(min_value=1, max_value=40_000_000).map(lambda ticks: Decimal(ticks) / 5)


def updates(order_ids: Sequence[str], *, portfolio_id: str = "P") -> st.SearchStrategy[list[OrderUpdate]]:
    """Updates of these orders that contradict one another in every way: times, fills, ends, words."""

    def one(order_id: str, status: tuple[str, bool], fill: int, moment: tuple[int, int], prices: Any, ids: Any) -> OrderUpdate:
        return an_update(
            order_id, portfolio_id=portfolio_id, status=status[0], finished=status[1], filled_lots=fill, left_lots=10 - fill,
            told_ns=moment[0], sequence=moment[1], limit_price=prices[0], trade_price=prices[1], exchange_order_id=ids[0],
            inserted_ns=ids[1],
        )  # fmt: skip

    statuses = st.sampled_from([("ALIVE", False), ("PARTIAL", False), ("FINISHED", True), ("REJECTED", True)])
    return st.lists(
        st.builds(
            one,
            st.sampled_from(order_ids),
            statuses,
            st.integers(min_value=0, max_value=10),
            st.tuples(st.sampled_from([0, NOON_NS, NOON_NS + 1, 2**63 - 1]), st.integers(min_value=0, max_value=2)),
            st.tuples(_PRICES, _PRICES),
            st.tuples(st.sampled_from([None, "", "E1", "E2"]), st.sampled_from([None, 0, NOON_NS])),
        ),
        max_size=12,
    )
