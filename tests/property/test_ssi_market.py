"""What SSI tells piece by piece is put together to the market that there is, in both generations, whatever trades in it."""

import asyncio
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.servers.ssi_market_feed import SsiMarketFeed
from tests.servers.ssi_v2_market_feed import SsiV2MarketFeed

from tradepit.backends.broker.ssi.data_frames import Beat, Refused, Subscription, read_data_frame, subscriptions
from tradepit.backends.broker.ssi.news import News
from tradepit.backends.broker.ssi.phases import ToldPhases
from tradepit.backends.broker.ssi.quotes import SsiQuotes
from tradepit.backends.broker.ssi.v2.data_frames import channels, read_broadcast
from tradepit.runtime.clock import ManualClock
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.matching.commands import AdvanceTime, ListInstrument, OpenAccount, SubmitOrder
from tradepit.trading.matching.venue import Venue
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Exchange, Offset, OrderType, Side
from tradepit.trading.model.tick import Tick

OPENS = 1_736_127_900_000_000_000  # 2025-01-06 08:45 in Hanoi
DAY, NAME = 20250106, "41I1F1000"
CATALOG = load_catalog()
INSTRUMENT = CATALOG.instrument(NAME, on=date(2025, 1, 6), listing_price=Decimal(1340))
orders = st.tuples(
    st.sampled_from(Side), st.sampled_from("AB"), st.integers(13_390, 13_410), st.integers(1, 5), st.integers(0, 1_800)
)


class Market:
    """A venue from its opening auction on, and a client of ``pieces``, what was told since it was asked last."""

    def __init__(self) -> None:
        self.clock = ManualClock(OPENS)
        self.venue = Venue(VenueSettings(snapshot_ns=0, session_group="hnx"), calendar=CATALOG.calendar)
        self.apply(ListInstrument(instrument=INSTRUMENT, reference=Decimal(1340)))
        for account in "AB":
            self.apply(OpenAccount(account=account, deposit=Decimal(10) ** 12, currency="VND"))
        self.quotes = SsiQuotes(ToldPhases(CATALOG.calendar, self.clock, "hnx"), self.clock)
        self.quotes.begin(DAY, [(INSTRUMENT, NAME)])
        self._number = 0

    def apply(self, command: ListInstrument | OpenAccount | SubmitOrder | AdvanceTime) -> None:
        self.venue.apply(command, self.clock.now_ns())

    def look(self) -> Tick:
        """The market as it is."""
        return self.venue.tick(NAME)

    def order(self, side: Side, account: str, ticks: int, lots: int, later_s: int) -> None:
        """So many seconds later somebody sends an order."""
        self.clock.advance_to(self.clock.now_ns() + later_s * 1_000_000_000)
        self.apply(AdvanceTime())
        self._number += 1
        intent = OrderIntent(
            client_order_id=f"c{self._number}",
            account=account,
            symbol=NAME,
            exchange=Exchange.HNX,
            side=side,
            offset=Offset.NET,
            order_type=OrderType.LIMIT,
            price_ticks=ticks,
            volume_lots=lots,
        )
        self.apply(SubmitOrder(intent=intent))

    def follow(self, pieces: Callable[[], list[News]], told: list[tuple[Side, str, int, int, int]]) -> None:
        """Play orders; after each the client's market is the venue's."""
        for news in pieces():
            self.quotes.take(news)
        last_ns = 0
        for each in told:
            self.order(*each)
            for news in pieces():
                for tick in self.quotes.take(news):
                    assert tick.time_ns > last_ns
                    last_ns = tick.time_ns
            (tick,) = self.quotes.all()
            # No generation of SSI's tells them; an instant is SSI's second.
            unknown = {"open_interest": 0, "pre_close_ticks": 0, "time_ns": tick.time_ns}
            assert tick == msgspec.structs.replace(self.look(), **unknown)


@given(st.lists(orders, min_size=1, max_size=25))
@settings(max_examples=40, deadline=None)
def test_v3s_pieces_make_the_market(told: list[tuple[Side, str, int, int, int]]) -> None:
    market = Market()
    feed, frames = SsiMarketFeed(market.look), asyncio.Queue[str]()
    for frame in subscriptions([NAME]):
        feed.answer(frame.decode(), frames)

    def pieces() -> list[News]:
        feed.changed()
        read = [read_data_frame(frames.get_nowait().encode()) for _ in range(frames.qsize())]
        return [one for one in read if one is not None and not isinstance(one, Subscription | Beat | Refused)]

    market.follow(pieces, told)


@given(st.lists(orders, min_size=1, max_size=25))
@settings(max_examples=40, deadline=None)
def test_v2s_pieces_make_the_market(told: list[tuple[Side, str, int, int, int]]) -> None:
    market = Market()
    feed = SsiV2MarketFeed(market.look, lambda: None)
    asyncio.run(feed.answer("SwitchChannels", [channels([NAME])]))

    def pieces() -> list[News]:
        feed.changed()
        texts = [feed.outbox.get_nowait() for _ in range(feed.outbox.qsize())]
        return [news for text in texts for news in read_broadcast(json.dumps(text).encode())]

    market.follow(pieces, told)
