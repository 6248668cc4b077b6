from collections.abc import Callable
from typing import Any

import pytest

from tradepit.trading.matching.venue_trades import trade_price
from tradepit.trading.model.report import TradeReport
from tradepit.trading.model.terms import PriceRule, Side

BUY, SELL = Side.BUY, Side.SELL
Pits = Callable[..., Any]


@pytest.mark.parametrize(
    ("side", "limit", "maker", "last", "price"),
    [
        (BUY, 105, 100, 102, 102),
        (BUY, 105, 100, 99, 100),
        (BUY, 105, 100, 107, 105),
        (BUY, 105, 100, 0, 100),
        (SELL, 100, 105, 102, 102),
        (SELL, 100, 105, 99, 100),
        (SELL, 100, 105, 107, 105),
    ],
)
def test_the_exchanges_price_is_the_middle_of_buy_sell_and_previous_trade(
    side: Side, limit: int, maker: int, last: int, price: int
) -> None:
    assert trade_price(PriceRule.CN_MEDIAN, side, limit, maker, last) == price
    assert trade_price(PriceRule.MAKER, side, limit, maker, last) == maker


def prices(events: list[Any]) -> set[int]:
    return {event.trade.price_ticks for event in events if isinstance(event, TradeReport)}


def test_the_price_rule_is_the_venues(pit: Pits) -> None:
    for rule, expected in ((PriceRule.MAKER, 19_000), (PriceRule.CN_MEDIAN, 19_010)):
        market = pit("IF2501", start="2025-01-06 09:31", price_rule=rule)
        market.order("ann", "a1", SELL, 19_010, 1)
        market.order("bob", "b1", BUY, 19_010, 1)
        market.order("ann", "a2", SELL, 19_000, 1)
        assert prices(market.order("bob", "b2", BUY, 19_020, 1)) == {expected}


def test_the_outsides_last_price_is_the_previous_trade_too(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 09:31", price_rule=PriceRule.CN_MEDIAN)
    market.order("ann", "a1", SELL, 19_000, 1)
    assert prices(market.show({19_020: 1}, {}, last_ticks=19_012)) == {19_012}
