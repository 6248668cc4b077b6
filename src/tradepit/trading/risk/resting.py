"""The prices at which one account's own orders rest on one side of one book, with the best one at hand."""

import msgspec


class RestingPrices(msgspec.Struct):
    """Orders per price tick. ``best`` is the highest price of bids, the lowest of asks, 0 when nothing rests."""

    bids: bool
    orders: dict[int, int] = {}
    best: int = 0

    def add(self, price_ticks: int) -> None:
        """One more order rests at ``price_ticks``."""
        self.orders[price_ticks] = self.orders.get(price_ticks, 0) + 1
        if not self.best or (price_ticks > self.best if self.bids else price_ticks < self.best):
            self.best = price_ticks

    def remove(self, price_ticks: int) -> None:
        """One order less rests at ``price_ticks``; the best price is looked for again only when it was the best."""
        count = self.orders.get(price_ticks, 0)
        if count > 1:
            self.orders[price_ticks] = count - 1
            return
        self.orders.pop(price_ticks, None)
        if price_ticks == self.best:
            self.best = (max(self.orders) if self.bids else min(self.orders)) if self.orders else 0
