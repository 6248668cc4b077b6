"""Two recorded days of CFFEX IF2101 through the venue: every row is taken, and the exchange's own settlement price comes out."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.matching.commands import AdvanceTime, ApplyTick, ListInstrument, OpenAccount, SubmitOrder
from tradepit.trading.matching.events import CommandRefused, Event, StatementIssued
from tradepit.trading.matching.venue import Venue
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.report import DayReport, TradeReport
from tradepit.trading.model.terms import Exchange, Offset, OrderType, Side
from tradepit.trading.model.tick import Level, Tick

RECORDING = Path(__file__).parents[4] / "shared" / "data" / "cffex_if2101_ticks_20210104_20210105.parquet"
HOUR_NS = 3_600_000_000_000

pytestmark = pytest.mark.skipif(not RECORDING.exists(), reason="the recording is not part of the repository")


def ticks_of(instrument: Instrument) -> list[Tick]:
    return [tick_of(instrument, row) for row in pl.read_parquet(RECORDING).iter_rows(named=True)]


def tick_of(instrument: Instrument, row: dict[str, Any]) -> Tick:
    def ticks(field: str) -> int:
        return instrument.to_ticks(Decimal(str(row[field])))

    return Tick(
        symbol=row["symbol"],
        exchange=Exchange(row["exchange"]),
        time_ns=round(row["datetime"].timestamp() * 1000) * 1_000_000,
        trading_day=int(row["trading_day"]),
        last_ticks=ticks("last_price"),
        volume_lots=row["volume"],
        turnover=Decimal(str(row["turnover"])),
        open_interest=row["open_interest"],
        open_ticks=ticks("open_price"),
        high_ticks=ticks("high_price"),
        low_ticks=ticks("low_price"),
        upper_limit_ticks=ticks("limit_up"),
        lower_limit_ticks=ticks("limit_down"),
        pre_close_ticks=ticks("pre_close"),
        pre_settlement=Decimal(str(row["pre_settlement"])),
        bids=(Level(ticks("bid_price_1"), row["bid_volume_1"]),),
        asks=(Level(ticks("ask_price_1"), row["ask_volume_1"]),),
    )


def order(number: int, side: Side, offset: Offset, tick: Tick) -> SubmitOrder:
    """A client that takes what is shown every so often: one lot at the displayed price."""
    price = tick.asks[0].price_ticks if side is Side.BUY else tick.bids[0].price_ticks
    return SubmitOrder(
        intent=OrderIntent(
            client_order_id=f"c{number}",
            account="taker",
            symbol=tick.symbol,
            exchange=tick.exchange,
            side=side,
            offset=offset,
            order_type=OrderType.FAK,
            price_ticks=price,
            volume_lots=1,
        )
    )


def test_every_recorded_row_is_taken_and_both_days_settle_as_the_exchange_did() -> None:
    catalog = load_catalog()
    instrument = catalog.instrument("IF2101", on=date(2021, 1, 4), listing_price=Decimal("5216.2"))
    ticks = ticks_of(instrument)
    venue = Venue(VenueSettings(snapshot_ns=0), calendar=catalog.calendar)
    start = ticks[0].time_ns - HOUR_NS
    venue.apply(ListInstrument(instrument=instrument, reference=ticks[0].pre_settlement), start)
    venue.apply(OpenAccount(account="taker", deposit=Decimal(10_000_000)), start)
    events: list[Event] = []
    bought = 0
    for number, tick in enumerate(ticks):
        events += venue.apply(ApplyTick(tick=tick), tick.time_ns)
        if number % 500 == 250:
            side, offset = (Side.BUY, Offset.OPEN) if bought % 2 == 0 else (Side.SELL, Offset.CLOSE)
            answer = venue.apply(order(number, side, offset, tick), tick.time_ns)
            bought += any(isinstance(event, TradeReport) for event in answer)
            events += answer
    events += venue.apply(AdvanceTime(), ticks[-1].time_ns + HOUR_NS)

    assert [event for event in events if isinstance(event, CommandRefused)] == []
    days = [event for event in events if isinstance(event, DayReport)]
    assert [(day.settled_day, day.trading_day) for day in days] == [(20210104, 20210105), (20210105, 20210106)]
    # The second day's ticks carry what CFFEX settled the first day at.
    assert days[0].settlement_prices == {"IF2101": "5278.6"}
    assert Decimal(days[0].settlement_prices["IF2101"]) == ticks[-1].pre_settlement
    assert days[1].settlement_prices == {"IF2101": "5357.1"}
    trades = [event.trade for event in events if isinstance(event, TradeReport)]
    assert len(trades) == bought > 100
    bands = {20210104: (23473, 28689), 20210105: (23754, 29032)}
    assert all(bands[trade.trading_day][0] <= trade.price_ticks <= bands[trade.trading_day][1] for trade in trades)
    fees = sum((Decimal(trade.fee) for trade in trades), Decimal(0))
    assert venue.account("taker").balance + fees + venue.outside_value() == 10_000_000
    statements = [event.statement for event in events if isinstance(event, StatementIssued)]
    assert [statement.trading_day for statement in statements] == [20210104, 20210105]
