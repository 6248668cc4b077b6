"""The bot of ``tradepit bench bots``: it sends one order every so many ticks, so that a load is what it says."""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from tradepit.bots import BotBase, Market

Count = Annotated[int, msgspec.Meta(ge=1)]


class Steady(BotBase):
    """In turn: buys what is offered, bids far below, sells what is bid for, asks far above; what rests is called back before the next.

    It holds one lot at most.
    """

    class Config(msgspec.Struct, frozen=True, kw_only=True):
        """``every``: ticks between two orders. ``first``: how many it lets go by before the first one."""

        every: Count = 10
        first: Annotated[int, msgspec.Meta(ge=0)] = 0

    config: Config

    def on_start(self) -> None:
        """Count from here."""
        self._left, self._turn = self.config.first, 0

    def on_tick(self, market: Market) -> Iterator[dict[str, object]]:
        """Send when it is time to."""
        if self._left:
            self._left -= 1
            return
        if not market.quoted:
            return
        self._left = self.config.every - 1
        if market.orders:
            self.ctx.cancel_all(market.symbol)
        buys, takes = self._turn < 2, self._turn % 2 == 0
        self._turn = (self._turn + 1) % 4
        side = "buy" if buys else "sell"
        if takes:
            price = market.round(market.ask, 2) if buys else market.round(market.bid, -2)
            if (market.position > 0) is not buys:
                yield {"symbol": market.symbol, "side": side, "qty": 1, "price": price, "type": "FAK"}
            return
        low, high = market.limits
        price = market.round(low, 10) if buys else market.round(high, -10)
        yield {"symbol": market.symbol, "side": side, "qty": 1, "price": price, "offset": "OPEN"}
