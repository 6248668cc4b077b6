"""Reports, trades and ticks come back from JSON as what they were."""

from decimal import Decimal

import msgspec
import pytest
from tests.order_path import DAY, Venue, an_intent

from tradepit.trading.model.report import DayReport, Report
from tradepit.trading.model.terms import Exchange
from tradepit.trading.model.tick import Level, Tick


def reports() -> list[Report]:
    venue = Venue()
    venue.arrive(an_intent())
    venue.fill(("A1", "c1"), 2)
    venue.settle(20250107)
    return venue.reports


@pytest.mark.parametrize("report", reports(), ids=lambda report: type(report).__name__)
def test_reports_say_what_they_are(report: Report) -> None:
    told = msgspec.json.encode(report)
    assert msgspec.json.decode(told, type=Report) == report
    assert msgspec.json.decode(told)["kind"] == {"OrderReport": "order", "TradeReport": "trade"}.get(type(report).__name__, "day")


def test_numbers_rise_by_one_and_a_settlement_ends_the_day() -> None:
    told = reports()
    assert [report.sequence for report in told] == list(range(1, len(told) + 1))
    last = told[-1]
    assert isinstance(last, DayReport)
    assert (last.settled_day, last.trading_day) == (DAY, 20250107)


def test_levels_are_written_as_pairs() -> None:
    assert msgspec.json.encode(Level(19_500, 3)) == b"[19500,3]"


def test_a_tick_comes_back() -> None:
    tick = Tick(
        symbol="IF2501", exchange=Exchange.CFFEX, time_ns=1, trading_day=DAY, last_ticks=1, volume_lots=1, turnover=Decimal("1.50"),
        open_interest=1, open_ticks=1, high_ticks=1, low_ticks=1, upper_limit_ticks=1, lower_limit_ticks=1, pre_close_ticks=1,
        pre_settlement=Decimal("3900.2"), bids=(Level(1, 2),),
    )  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(tick), type=Tick) == tick
