"""The reports a gateway answers with: the newest in memory, older ones from the broker, orders of today and the day before."""

from tests.order_path import FakeBroker, Venue, an_intent

from tradepit.services.broker_reports import BrokerReports
from tradepit.trading.model.terms import OrderStatus
from tradepit.wire.gateway import read_report


def told(reports: BrokerReports, venue: Venue) -> None:
    for report in venue.reports[reports.last :]:
        assert read_report(reports.take(report)) == report


async def test_older_ones_are_asked_for_and_every_page_is_without_gaps() -> None:
    venue = Venue()
    reports = BrokerReports(FakeBroker(venue), keep=10)
    for number in range(50):
        venue.arrive(an_intent(number))
    told(reports, venue)
    for after in (0, 5, 38, 39, 40, 41, 48, 49, 50, 60):
        page = await reports.after(after, 8)
        assert [report.sequence for report, _ in page] == list(range(after + 1, min(after + 8, 50) + 1))
        assert all(read_report(record) == report for report, record in page)


def test_orders_that_ended_are_forgotten_when_a_second_day_begins() -> None:
    venue = Venue()
    reports = BrokerReports(FakeBroker(venue))
    for number in (1, 2):
        venue.arrive(an_intent(number))
    venue.end(("A1", "c1"))
    told(reports, venue)
    assert [order.status for order in reports.orders("A1", active_only=False)] == [OrderStatus.CANCELLED, OrderStatus.OPEN]
    assert [order.client_order_id for order in reports.orders("A1", active_only=True)] == ["c2"]
    venue.settle(20250107)
    told(reports, venue)
    assert reports.trading_day == 20250107
    assert len(reports.orders("A1", active_only=False)) == 2
    venue.settle(20250108)
    told(reports, venue)
    assert reports.orders("A1", active_only=False) == []
    assert reports.orders("A2", active_only=False) == []
