"""Lots from before the house's first login: what the TqSDK book makes of them, the risk review lets be closed and trackers know."""

import pytest
from tests.order_path import DAY, PRICE, Office, an_intent, instrument
from tests.waiting import until

from tradepit.backends.broker.tqsdk.book import TqsdkBook
from tradepit.backends.broker.tqsdk.frames import ToldHeld
from tradepit.trading.model.errors import RiskRefused
from tradepit.trading.model.report import DayReport, Report, TradeReport
from tradepit.trading.model.terms import Offset, OrderStatus, Side
from tradepit.trading.orders.position_book import PositionBook
from tradepit.trading.risk.closable import Closable

HELD = ToldHeld(
    account="A1", exchange_id="CFFEX", instrument_id="IF2501", direction="BUY", lots=7, open_price=3890.0, price_tick=0.2
)


def carried() -> list[Report]:
    return [fact.report for fact in TqsdkBook().carry([HELD], DAY, {"IF2501": "3900"}, 1)]


async def test_they_can_be_closed_and_no_more_than_they() -> None:
    office = Office(rules=(Closable(),))
    office.venue.reports += carried()
    leader = await office.leader()
    await until(lambda: leader.through == 2)
    holding = leader.desk.exposure.holding("A1", "IF2501")
    assert holding is not None
    assert (holding.long.today, holding.long.yesterday) == (0, 7)
    with pytest.raises(RiskRefused) as refused:
        await leader.submit(an_intent(1, lots=8, side=Side.SELL, offset=Offset.CLOSE))
    assert refused.value.reason_code == "OVER_CLOSE_POSITION"
    order = await leader.submit(an_intent(2, lots=7, side=Side.SELL, offset=Offset.CLOSE))
    assert order.status is OrderStatus.OPEN
    office.venue.fill(("A1", "c2"), 7)
    await until(lambda: leader.through == len(office.venue.reports))
    assert holding.long.lots == 0
    await leader.stop()


def test_a_tracker_that_reads_the_reports_holds_them_until_they_are_closed() -> None:
    office = Office()
    office.venue.reports += carried()
    intent = an_intent(1, lots=3, side=Side.SELL, offset=Offset.CLOSE)
    office.venue.arrive(intent)
    office.venue.fill(("A1", "c1"), 3)
    book = PositionBook()
    book.list_instrument(instrument(), instrument().to_price(PRICE))
    for report in office.venue.reports:
        if isinstance(report, TradeReport):
            book.apply(report.trade, report.sequence)
        elif isinstance(report, DayReport):
            book.roll(report.trading_day, {}, report.sequence)
    (position,) = book.positions("A1")
    assert (position.side, position.today_lots, position.yesterday_lots) == (Side.BUY, 0, 4)
