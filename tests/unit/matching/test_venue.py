from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tradepit.trading.matching.commands import AdvanceTime, Command, OpenAccount, Stamped, SubmitOrder
from tradepit.trading.matching.venue import Venue
from tradepit.trading.model.errors import InstrumentNotFound, VenueRefused
from tradepit.trading.model.report import DayReport
from tradepit.trading.model.terms import Offset, OrderType, SessionPhase, Side

BUY, SELL = Side.BUY, Side.SELL
OPEN = "2025-01-06 09:31"
Pits = Callable[..., Any]


def test_a_two_day_market_story(pit: Pits) -> None:
    """Auction, continuous trading, lunch, close, settlement, and the position closed the next day at another price."""
    market = pit("IF2501", start="2025-01-06 09:25")
    market.order("ann", "a1", BUY, 19_000, 2)
    market.order("bob", "b1", SELL, 19_000, 2)
    market.at("09:31")
    assert market.state("ann", "a1")[0] == "FILLED"
    market.order("ann", "stop", SELL, 19_050, 2, Offset.CLOSE)
    assert market.venue.positions("ann")[0].frozen_lots == 2
    market.at("13:00")
    market.order("bob", "b2", BUY, 19_050, 1, Offset.CLOSE)
    assert market.state("ann", "stop") == ("PARTIAL", 1, 1, "")
    market.at("2025-01-07 09:31")
    assert market.state("ann", "stop") == ("EXPIRED", 1, 0, "DAY_ENDED")
    market.order("ann", "a2", SELL, 19_100, 1, Offset.CLOSE)
    market.order("bob", "b3", BUY, 19_100, 1, Offset.CLOSE)
    assert market.venue.positions("ann") == market.venue.positions("bob") == ()
    account = market.venue.account("ann")
    fees = sum(Decimal(event.trade.fee) for event in market.events if hasattr(event, "trade") and event.trade.account == "ann")
    # 50 and 100 ticks of 0.2 points at 300 a point.
    assert account.balance == 50_000_000 + 3000 + 6000 - fees
    assert account.margin == account.frozen_margin == 0


def test_questions_about_what_is_not_there(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    venue = market.venue
    assert venue.order("ann", "nothing") is None
    assert venue.orders("nobody") == []
    for question in (venue.phase, venue.depth, venue.band, venue.reference, venue.tick, venue.outside_lots):
        with pytest.raises(InstrumentNotFound):
            question("XX")
    for ask in (venue.account, venue.positions):
        with pytest.raises(VenueRefused):
            ask("nobody")


def test_orders_are_listed_as_they_came_and_active_ones_alone(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", BUY, 19_000, 1)
    market.order("ann", "a2", BUY, 19_000, 1, Offset.OPEN, OrderType.FAK)
    market.order("ann", "a3", BUY, 19_000, 1)
    names = [order.client_order_id for order in market.venue.orders("ann")]
    active = [order.client_order_id for order in market.venue.orders("ann", active_only=True)]
    assert (names, active) == (["a1", "a2", "a3"], ["a1", "a3"])


def test_orders_are_forgotten_one_trading_day_later(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", BUY, 19_000, 1)
    market.at("2025-01-07 09:31")
    assert market.order("ann", "a1", BUY, 19_000, 1) == [], "still known the day after"
    market.at("2025-01-08 09:31")
    assert market.venue.order("ann", "a1") is None
    assert market.told(market.order("ann", "a1", BUY, 19_000, 1)) == ["a1 OPEN"]


def test_questions_change_nothing(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", BUY, 19_000, 1)
    before = market.venue.digest()
    venue = market.venue
    venue.orders("ann")
    venue.depth("IF2501")
    venue.tick("IF2501")
    venue.outside_value()
    venue.positions("bob")
    venue.snapshot()
    assert (venue.digest(), venue.phase("IF2501")) == (before, SessionPhase.CONTINUOUS)


def test_a_refused_command_says_so_behind_what_the_passing_of_time_brought(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.now_ns += 86_400_000_000_000
    events = market.cancel("ann", "nothing")
    assert market.told(events)[-1] == "refused ORDER_NOT_FOUND"
    assert any(isinstance(event, DayReport) for event in events)


def test_a_command_survives_the_journal(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    twin = pit("IF2501", start=OPEN)
    commands: list[Command] = [
        SubmitOrder(intent=market.intent("ann", "a1", BUY, 19_000, 3)),
        OpenAccount(account="new", deposit=Decimal("1.50")),
        AdvanceTime(),
    ]
    for number, command in enumerate(commands):
        stamped = Stamped(now_ns=market.now_ns + number, command=command)
        record = msgspec.json.decode(msgspec.json.encode(stamped), type=Stamped)
        assert market.venue.apply(command, stamped.now_ns) == twin.venue.apply(record.command, record.now_ns)
    assert market.venue.digest() == twin.venue.digest()


def test_a_venue_knows_nothing_before_its_first_command(pit: Pits) -> None:
    venue = Venue(calendar=pit().calendar)
    assert (venue.trading_day, venue.now_ns, venue.sequence, venue.instruments()) == (0, 0, 0, ())
    assert venue.next_wakeup_ns() == 2**63 - 1
