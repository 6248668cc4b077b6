"""The desk of a backtest is shown ticks when it is asked: it must know what it would know, had it seen each at once."""

from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from tests.bot_market import quoted
from tests.bot_stage import instrument

from tradepit.bots.backtest.house import News, VirtualHouse
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.matching import commands
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Offset, OrderType, SessionPhase, Side
from tradepit.trading.model.tick import Tick
from tradepit.trading.risk.rules import load_rules

RISK = {"rate": False, "session_phase": False, "abnormal_trading": {"enforce": True}}


def a_house(start_ns: int, told: list[News]) -> VirtualHouse:
    house = VirtualHouse(load_catalog().calendar, load_rules(RISK), told.append, venue=VenueSettings(snapshot_ns=0))
    house.now_ns = start_ns
    house.obey(commands.OpenAccount(account="A1", deposit=Decimal(1_000_000), currency="CNY"))
    for symbol in ("IF2501", "IF2503"):
        house.list_instrument(instrument(symbol), Decimal(4500))
    return house


def poorer(tick: Tick, dice: Random) -> Tick:
    """The tick with something it does not tell, now and then."""
    changes: list[dict[str, Any]] = [
        {"last_ticks": 0},
        {"bids": ()},
        {"asks": ()},
        {"phase": SessionPhase.BREAK},
        {"upper_limit_ticks": 24_750, "lower_limit_ticks": 20_250},
    ]
    return msgspec.structs.replace(tick, **dice.choice(changes)) if dice.random() < 0.3 else tick


def an_order(number: int, symbol: str, dice: Random) -> OrderIntent:
    side = dice.choice(list(Side))
    away = dice.choice((-400, -3, 0, 1, 2, 900))
    return OrderIntent(
        client_order_id=f"o{number}",
        account="A1",
        symbol=symbol,
        exchange=instrument(symbol).product.exchange,
        side=side,
        offset=dice.choice((Offset.OPEN, Offset.OPEN, Offset.CLOSE)),
        order_type=dice.choice((OrderType.LIMIT, OrderType.FAK)),
        price_ticks=22_500 + (away if side is Side.BUY else -away),
        volume_lots=dice.choice((1, 2, 9)),
    )


@pytest.mark.parametrize("seed", range(8))
def test_a_desk_that_is_asked_seldom_knows_what_one_knows_that_is_asked_after_each_tick(seed: int) -> None:
    dice = Random(seed)
    middles = [22_500 + dice.randrange(-6, 7) for _ in range(300)]
    streams = [quoted(middles, symbol="IF2501"), quoted(middles[::-1], symbol="IF2503", from_s=0.5)]
    ticks = [poorer(tick, dice) for tick in sorted((each for stream in streams for each in stream), key=lambda one: one.time_ns)]
    heard: list[list[News]] = [[], []]
    often, seldom = (a_house(ticks[0].time_ns, told) for told in heard)
    for number, tick in enumerate(ticks):
        order = an_order(number, tick.symbol, dice) if dice.random() < 0.15 else None
        for house in (often, seldom):
            house.advance(tick.time_ns)
            house.show(tick)
            if order is not None:
                house.submit(order)
            house.advance(tick.time_ns)
            if house is often:
                assert house.desk.exposure.markets[tick.symbol].seen_ns == tick.time_ns
    assert heard[0] == heard[1]
    assert often.digest == seldom.digest
    assert repr(often.desk.exposure) == repr(seldom.desk.exposure)
    assert often.desk.register.orders == seldom.desk.register.orders
    codes = {type(news).__name__ for news in heard[0]}
    assert codes == {"OrderReport", "TradeReport", "PhaseChanged", "Refusal"}, "the story has a bit of everything"
