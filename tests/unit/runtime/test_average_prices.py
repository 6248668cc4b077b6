"""Average prices: a trade counts once, and an average of other trades than those asked for is none."""

from decimal import Decimal

import msgspec
from tests.order_path import Venue, an_intent, instrument

from tradepit.runtime.average_prices import AveragePrices


def test_averages() -> None:
    venue, prices = Venue(), AveragePrices()
    venue.arrive(an_intent(lots=5))
    first, second = venue.fill(("A1", "c1"), 2), venue.fill(("A1", "c1"), 1)
    for trade in (first, first, msgspec.structs.replace(second, price_ticks=second.price_ticks + 3)):
        prices.add("c1", trade)
    assert prices.of("c1", instrument(), 3) == Decimal("3900.2")
    assert prices.of("c1", instrument(), 2) is None
    assert prices.of("c2", instrument(), 0) is None
    prices.forget_before(first.trading_day)
    assert prices.of("c1", instrument(), 3) is not None
    prices.forget_before(first.trading_day + 1)
    assert prices.of("c1", instrument(), 3) is None
