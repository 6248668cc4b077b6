"""A market maker: quotes both sides of a fair price, leans against what it holds, and is out before the close."""

from typing import Annotated

import msgspec

from tradepit.bots import BotBase, BotEvent, EventKind, Market
from tradepit.trading.model.terms import Side

Count = Annotated[int, msgspec.Meta(ge=1)]


class MarketMaker(BotBase):
    """The fair price is the mean of the last ``fair`` ticks. Quotes lie ``half_spread`` price ticks to either side of it, and ``lean``
    more against each lot held; they never take. At most ``most`` lots net.

    ``out_s`` trading seconds before the day's close it quotes no more and gets rid of what it holds.
    """

    class Config(msgspec.Struct, frozen=True, kw_only=True):
        """What it quotes, and how wide."""

        symbol: str
        lots: Count = 1
        fair: Count = 20
        half_spread: Count = 3
        lean: Annotated[float, msgspec.Meta(ge=0)] = 1.0
        most: Count = 5
        out_s: Annotated[float, msgspec.Meta(ge=0)] = 300.0

    config: Config

    def on_start(self) -> None:
        """Orders of a former life are of no use to it."""
        self.ctx.cancel_all(self.config.symbol)

    def on_tick(self, market: Market) -> None:
        """Quote anew where the fair price has moved."""
        if market.symbol == self.config.symbol:
            self._work(market)

    def on_event(self, event: BotEvent) -> None:
        """A quote that is gone, filled or called back, is replaced at once: the next tick may be late."""
        if event.kind in (EventKind.CANCEL, EventKind.FILL):
            self._work(self.ctx.market(self.config.symbol))

    def _work(self, market: Market) -> None:
        config = self.config
        if not market.quoted:
            return
        if market.seconds_to_close < config.out_s:
            self._leave(market)
            return
        fair = market.window("last", config.fair).mean()
        middle = fair - config.lean * market.position * market.tick_size
        self._quote(market, Side.BUY, market.round(min(middle, market.ask - market.tick_size), -config.half_spread))
        self._quote(market, Side.SELL, market.round(max(middle, market.bid + market.tick_size), config.half_spread))

    def _quote(self, market: Market, side: Side, price: float) -> None:
        config = self.config
        mine = [order for order in market.orders if order.side is side]
        for order in mine:
            if order.price != price:
                self.ctx.cancel(order)
        room = config.most - (market.position if side is Side.BUY else -market.position)
        # A new quote only once the old one is gone: both could trade until then.
        if not mine and room >= config.lots:
            send = self.ctx.buy if side is Side.BUY else self.ctx.sell
            send(config.symbol, config.lots, price)

    def _leave(self, market: Market) -> None:
        self.ctx.target_position(self.config.symbol, 0)
        if not market.position:
            self.ctx.cancel_all(self.config.symbol)
