"""A trend follower: long while the fast average of prices is above the slow one, short while it is below."""

from typing import Annotated, Any

import msgspec

from tradepit.bots import BotBase, Market

Count = Annotated[int, msgspec.Meta(ge=1)]


class MovingAverage(BotBase):
    """Trades one contract. ``fast`` and ``slow`` count ticks; a ``band`` (in price ticks) keeps it out of noise."""

    class Config(msgspec.Struct, frozen=True, kw_only=True):
        """What it trades, and how slow it is to change its mind."""

        symbol: str
        lots: Count = 1
        fast: Count = 60
        slow: Count = 300
        band: Annotated[int, msgspec.Meta(ge=0)] = 2

        def __post_init__(self) -> None:
            if self.fast >= self.slow:
                raise ValueError("fast must be below slow")

    config: Config

    def on_start(self) -> None:
        """Flat, without an opinion."""
        self._side = 0

    def on_tick(self, market: Market) -> None:
        """Form an opinion, and hold the position it asks for; saying so again on the next tick is harmless."""
        config = self.config
        if market.symbol != config.symbol or not market.quoted:
            return
        prices = market.window("last", config.slow)
        if len(prices) < config.slow:
            return
        lead = prices[-config.fast :].mean() - prices.mean()
        if abs(lead) > config.band * market.tick_size:
            self._side = 1 if lead > 0 else -1
        self.ctx.target_position(config.symbol, self._side * config.lots)

    def health(self) -> dict[str, Any]:
        """Which way it looks."""
        return {"ok": True, "side": self._side}
