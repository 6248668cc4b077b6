"""A venue with named contracts, driven by local times and short orders, for the venue's tests."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.matching.commands import (
    AdvanceTime,
    ApplyTick,
    CancelOrder,
    Command,
    ListInstrument,
    OpenAccount,
    ReduceOrder,
    SubmitOrder,
)
from tradepit.trading.matching.events import CommandRefused, Event, PhaseChanged
from tradepit.trading.matching.venue import Venue
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, TradeReport
from tradepit.trading.model.terms import Offset, OrderType, SessionPhase, Side
from tradepit.trading.model.tick import Level, Tick

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = "2025-01-06"
BUY, SELL = Side.BUY, Side.SELL
REFERENCES = {"IF2501": "3800", "IF2502": "3810", "rb2505": "3300", "au2502": "620", "m2505": "2700", "VN30F2501": "1340"}


class Pit:
    """A venue and its clock. ``settings`` are the venue's; snapshots are off unless asked for."""

    def __init__(self, *symbols: str, start: str = f"{MONDAY} 08:00", **settings: object) -> None:
        catalog = load_catalog()
        self.calendar = catalog.calendar
        group = "hnx" if "VN30F2501" in symbols else "cn_day"
        self.venue = Venue(
            msgspec.convert({"snapshot_ns": 0, "session_group": group, **settings}, VenueSettings), calendar=self.calendar
        )
        self.now_ns = 0
        self.events: list[Event] = []
        self.instruments: dict[str, Instrument] = {}
        self.at(start)
        for symbol in symbols:
            reference = Decimal(REFERENCES[symbol])
            instrument = catalog.instrument(symbol, on=date(2025, 1, 6), listing_price=reference)
            self.instruments[symbol] = instrument
            self.do(ListInstrument(instrument=instrument, reference=reference))
        self.symbol = symbols[0] if symbols else ""
        for account in ("ann", "bob", "cy"):
            self.do(OpenAccount(account=account, deposit=Decimal(50_000_000), currency="VND" if group == "hnx" else "CNY"))

    def do(self, command: Command) -> list[Event]:
        """Apply a command now; its events are also kept in ``events``."""
        events = list(self.venue.apply(command, self.now_ns))
        self.events += events
        return events

    def at(self, when: str) -> list[Event]:
        """Let time pass to a local time: ``2025-01-06 09:30``, or ``10:15`` of the same date."""
        if " " not in when:
            when = f"{datetime.fromtimestamp(self.now_ns / 1e9, SHANGHAI):%Y-%m-%d} {when}"
        self.now_ns = int(datetime.fromisoformat(when).replace(tzinfo=SHANGHAI).timestamp()) * 10**9
        return self.do(AdvanceTime())

    def order(
        self,
        account: str,
        name: str,
        side: Side,
        price: int,
        lots: int,
        offset: Offset = Offset.OPEN,
        order_type: OrderType = OrderType.LIMIT,
        symbol: str = "",
    ) -> list[Event]:
        """Submit an order; price in ticks."""
        return self.do(SubmitOrder(intent=self.intent(account, name, side, price, lots, offset, order_type, symbol)))

    def intent(
        self,
        account: str,
        name: str,
        side: Side,
        price: int,
        lots: int,
        offset: Offset = Offset.OPEN,
        order_type: OrderType = OrderType.LIMIT,
        symbol: str = "",
    ) -> OrderIntent:
        """An order's intent."""
        instrument = self.instruments[symbol or self.symbol]
        return OrderIntent(
            client_order_id=name,
            account=account,
            symbol=instrument.symbol,
            exchange=instrument.product.exchange,
            side=side,
            offset=offset,
            order_type=order_type,
            price_ticks=price,
            volume_lots=lots,
        )

    def cancel(self, account: str, name: str) -> list[Event]:
        """Cancel an order."""
        return self.do(CancelOrder(account=account, client_order_id=name))

    def reduce(self, account: str, name: str, by_lots: int, reduce_id: str = "r1") -> list[Event]:
        """Reduce an order."""
        return self.do(ReduceOrder(reduce_id=reduce_id, account=account, client_order_id=name, by_lots=by_lots))

    def show(self, bids: dict[int, int], asks: dict[int, int], **changes: object) -> list[Event]:
        """An outside tick with these levels."""
        return self.do(ApplyTick(tick=self.tick(bids, asks, **changes)))

    def tick(self, bids: dict[int, int], asks: dict[int, int], **changes: object) -> Tick:
        """An outside tick with these levels (price in ticks: lots); any field may be changed."""
        symbol = str(changes.pop("symbol", self.symbol))
        fields: dict[str, Any] = {
            "symbol": symbol,
            "exchange": self.instruments[symbol].product.exchange,
            "time_ns": self.now_ns,
            "trading_day": self.venue.trading_day,
            "last_ticks": 0,
            "volume_lots": 0,
            "turnover": Decimal(0),
            "open_interest": 0,
            "open_ticks": 0,
            "high_ticks": 0,
            "low_ticks": 0,
            "upper_limit_ticks": 0,
            "lower_limit_ticks": 0,
            "pre_close_ticks": 0,
            "pre_settlement": Decimal(0),
            "bids": tuple(Level(price, lots) for price, lots in bids.items()),
            "asks": tuple(Level(price, lots) for price, lots in asks.items()),
            "phase": SessionPhase.CONTINUOUS,
        }
        return Tick(**{**fields, **changes})

    def book(self, symbol: str = "") -> tuple[dict[int, int], dict[int, int]]:
        """Bids and asks as price: lots."""
        bids, asks = self.venue.depth(symbol or self.symbol, 10)
        return {level.price_ticks: level.lots for level in bids}, {level.price_ticks: level.lots for level in asks}

    def state(self, account: str, name: str) -> tuple[str, int, int, str]:
        """(status, traded, left, reason) of an order."""
        order = self.venue.order(account, name)
        assert order is not None
        return order.status.value, order.traded_lots, order.left_lots, order.reason

    def trade(self, name: str, price: int, lots: int, symbol: str = "") -> None:
        """Ann buys from bob: orders ``a-name`` and ``b-name``."""
        self.order("ann", f"a-{name}", BUY, price, lots, symbol=symbol)
        self.order("bob", f"b-{name}", SELL, price, lots, symbol=symbol)

    def days(self) -> list[DayReport]:
        """The day reports so far."""
        return [event for event in self.events if isinstance(event, DayReport)]

    def phases(self) -> list[tuple[str, str]]:
        """The phase changes so far, with their local times."""
        return [(self.clock(event.time_ns), event.phase.value) for event in self.events if isinstance(event, PhaseChanged)]

    def twin(self) -> Venue:
        """Another venue, made of this one's snapshot."""
        return Venue.restore(self.venue.snapshot(), calendar=self.calendar)

    @staticmethod
    def clock(instant_ns: int) -> str:
        """An instant as local day of the month and time."""
        return f"{datetime.fromtimestamp(instant_ns / 1e9, SHANGHAI):%d %H:%M}"

    @staticmethod
    def told(events: list[Event]) -> list[str]:
        """Events in a word or two each, as a story reads."""
        return [_word(event) for event in events]


def _word(event: Event) -> str:
    if isinstance(event, OrderReport):
        return f"{event.order.client_order_id} {event.order.status.value}"
    if isinstance(event, TradeReport):
        trade = event.trade
        return f"{trade.client_order_id} trades {trade.volume_lots}@{trade.price_ticks}"
    if isinstance(event, CommandRefused):
        return f"refused {event.code}"
    return type(event).__name__


@pytest.fixture
def pit() -> Callable[..., Any]:
    """Makes a venue: ``pit("IF2501", start="2025-01-06 09:31")``."""
    return Pit
