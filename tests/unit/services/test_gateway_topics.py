"""Which topic carries what."""

from typing import TYPE_CHECKING

import msgspec
import pytest

from tradepit.services.gateway_topics import publication
from tradepit.trading.matching.commands import ListInstrument
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.report import DayReport, OrderReport
from tradepit.trading.model.terms import OrderStatus

if TYPE_CHECKING:
    from tests.unit.services.conftest import House


def report(house: "House", status: OrderStatus, left: int = 0) -> OrderReport:
    order = Order(intent=house.order(1), status=status, left_lots=left)
    return OrderReport(sequence=7, time_ns=1, trading_day=20250106, order=order)


def finder(house: "House") -> dict[str, Instrument]:
    listing = house.opening()[0]
    assert isinstance(listing, ListInstrument)
    return {"IF2501": listing.instrument}


@pytest.mark.parametrize(
    ("status", "left", "topic", "told"),
    [
        (OrderStatus.OPEN, 2, "orders.new", "PENDING"),
        (OrderStatus.PARTIAL, 1, "orders.filled", "PARTIAL"),
        (OrderStatus.FILLED, 0, "orders.filled", "FILLED"),
        (OrderStatus.CANCELLED, 0, "orders.cancelled", "CANCELLED"),
        (OrderStatus.REJECTED, 0, "orders.cancelled", "REJECTED"),
        (OrderStatus.EXPIRED, 0, "orders.cancelled", "EXPIRED"),
    ],
)
def test_an_order_goes_by_its_status(house: "House", status: OrderStatus, left: int, topic: str, told: str) -> None:
    found = publication(report(house, status, left), "PIT", finder(house).get)
    assert found is not None
    assert (found.subject, found.message_id) == (topic, "PIT-7")
    assert msgspec.json.decode(found.payload)["status"] == told


def test_a_reduced_order_is_not_new_and_a_day_has_no_topic(house: "House") -> None:
    assert publication(report(house, OrderStatus.OPEN, left=1), "PIT", finder(house).get) is None
    day = DayReport(sequence=1, time_ns=1, trading_day=20250107, settled_day=20250106, settlement_prices={})
    assert publication(day, "PIT", finder(house).get) is None
