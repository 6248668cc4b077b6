"""A pairs trader: two contracts whose difference strays from its mean are expected to come together again."""

from collections import deque
from statistics import fmean, pstdev
from typing import Annotated

import msgspec

from tradepit.bots import BotBase, Market


class Pairs(BotBase):
    """Difference = price of ``first`` less ``ratio`` times that of ``second``, noted every ``every_s`` seconds, over ``window`` notes.

    ``enter`` standard deviations away it sells what is dear and buys what is cheap, and leaves within ``leave`` of the mean.
    """

    class Config(msgspec.Struct, frozen=True, kw_only=True):
        """The two contracts, and when they are apart."""

        first: str
        second: str
        ratio: float = 1.0
        lots: Annotated[int, msgspec.Meta(ge=1)] = 1
        every_s: Annotated[float, msgspec.Meta(gt=0)] = 5.0
        window: Annotated[int, msgspec.Meta(ge=10)] = 120
        enter: Annotated[float, msgspec.Meta(gt=0)] = 2.0
        leave: Annotated[float, msgspec.Meta(ge=0)] = 0.5

        def __post_init__(self) -> None:
            if self.first == self.second or self.leave >= self.enter:
                raise ValueError("a pair is two contracts, and leave is below enter")

    config: Config

    def on_start(self) -> None:
        """Nothing noted yet."""
        self._notes: deque[float] = deque(maxlen=self.config.window)
        self._next_ns = 0
        self._side = 0

    def on_tick(self, market: Market) -> None:
        """Note the difference when both show a market, and hold the two positions that follow from it."""
        config, ctx = self.config, self.ctx
        first, second = market.of(config.first), market.of(config.second)
        if not (first.quoted and second.quoted):
            return
        difference = first.mid - config.ratio * second.mid
        if ctx.now_ns >= self._next_ns:
            self._next_ns = ctx.now_ns + int(config.every_s * 1e9)
            self._notes.append(difference)
        if len(self._notes) < config.window:
            return
        spread = pstdev(self._notes)
        away = (difference - fmean(self._notes)) / spread if spread else 0.0
        if abs(away) >= config.enter:
            self._side = -1 if away > 0 else 1
        elif abs(away) <= config.leave:
            self._side = 0
        ctx.target_position(config.first, self._side * config.lots)
        # The second leg follows what the first has become, so that half a pair is never wanted.
        ctx.target_position(config.second, -round(first.position * config.ratio))
