"""The best own price is always at hand."""

import random

from tradepit.trading.risk.resting import RestingPrices


def test_the_best_price_is_the_extreme_of_what_rests() -> None:
    chance = random.Random(7)
    for bids in (True, False):
        prices, naive = RestingPrices(bids=bids), list[int]()
        for _ in range(500):
            if naive and chance.random() < 0.5:
                price = naive.pop(chance.randrange(len(naive)))
                prices.remove(price)
            else:
                price = chance.randrange(90, 110)
                naive.append(price)
                prices.add(price)
            expected = (max if bids else min)(naive, default=0)
            assert prices.best == expected
