from datetime import date
from decimal import Decimal

import pytest

from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.matching.venue_floor import Floor, as_number, explain, plain
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.errors import BadRequest, DuplicateId, IdNotValid, StaleEpoch, VenueRefused
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.report import OrderReport
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side


def intent(name: str) -> OrderIntent:
    return OrderIntent(
        client_order_id=name,
        account="ann",
        symbol="IF2501",
        exchange=Exchange.CFFEX,
        side=Side.BUY,
        offset=Offset.OPEN,
        order_type=OrderType.LIMIT,
        price_ticks=19_000,
        volume_lots=3,
    )


@pytest.fixture
def floor() -> Floor:
    made = Floor(VenueSettings(), load_calendar())
    made.begin_day(date(2025, 1, 6), 0)
    return made


def test_every_report_has_the_next_number(floor: Floor) -> None:
    entry = floor.enter(intent("a"), OrderStatus.OPEN, "X-1")
    floor.change(entry, OrderStatus.PARTIAL, 1, 2)
    floor.enter(intent("b"), OrderStatus.REJECTED, reason="R", message="because")
    reports = [event for event in floor.events if isinstance(event, OrderReport)]
    assert [report.sequence for report in reports] == [1, 2, 3]
    assert [(report.order.traded_lots, report.order.left_lots) for report in reports] == [(0, 3), (1, 2), (0, 0)]
    assert reports[1].order.order_id == "X-1"
    assert (reports[2].order.reason, reports[2].order.message) == ("R", "because")


def test_orders_and_actions_are_remembered_for_two_days(floor: Floor) -> None:
    floor.enter(intent("a"), OrderStatus.REJECTED)
    floor.did("transfer", "t", "5")
    floor.begin_day(date(2025, 1, 7), 0)
    assert floor.find("ann", "a") is not None
    assert not floor.first_time("transfer", "t", "5")
    floor.begin_day(date(2025, 1, 8), 0)
    assert floor.find("ann", "a") is None
    assert floor.first_time("transfer", "t", "5")


def test_an_action_id_means_one_thing(floor: Floor) -> None:
    assert floor.first_time("reduce", "x", "1")
    floor.did("reduce", "x", "1")
    assert floor.first_time("transfer", "x", "1"), "another kind of action"
    with pytest.raises(DuplicateId):
        floor.first_time("reduce", "x", "2")


def test_the_highest_epoch_of_a_session_fences_lower_ones(floor: Floor) -> None:
    floor.fence("oms", 4)
    floor.fence("oms", 4)
    with pytest.raises(StaleEpoch):
        floor.fence("oms", 3)
    floor.fence("", 0)
    with pytest.raises(IdNotValid):
        floor.fence("o m s", 4)
    for epoch in (-1, 2**63):
        with pytest.raises(BadRequest):
            floor.fence("oms", epoch)


def test_a_date_as_a_number_and_back(floor: Floor) -> None:
    assert as_number(floor.trading_date) == floor.trading_day == 20250106


@pytest.mark.parametrize(("amount", "text"), [("1.50", "1.5"), ("1E+3", "1000"), ("0.000", "0"), ("-0", "0"), ("-2.10", "-2.1")])
def test_an_amount_is_written_in_one_way_only(amount: str, text: str) -> None:
    assert str(plain(Decimal(amount))) == text
    refusal = VenueRefused("INSUFFICIENT_MONEY", "no", needed=amount, available="7.00", account="1E+3")
    assert explain(refusal) == {"needed": text, "available": "7", "account": "1E+3"}
