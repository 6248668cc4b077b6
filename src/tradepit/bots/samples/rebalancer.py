"""A rebalancer: holds a share of a notional sum in each of several contracts, and corrects what has moved away."""

from typing import Annotated

import msgspec

from tradepit.bots import BotBase, BotEvent, EventKind, Market


class Rebalancer(BotBase):
    """``weights`` are shares of ``notional`` by contract, negative for short; their lots follow from the price, rounded to whole ones.

    Every ``every_s`` seconds the targets are reckoned anew; one changes only when it is ``slack`` lots or more away from the old.
    """

    class Config(msgspec.Struct, frozen=True, kw_only=True):
        """What to hold, and how often to look."""

        weights: dict[str, float]
        notional: Annotated[float, msgspec.Meta(gt=0)] = 10_000_000.0
        every_s: Annotated[float, msgspec.Meta(gt=0)] = 600.0
        slack: Annotated[int, msgspec.Meta(ge=1)] = 1

    config: Config

    def on_start(self) -> None:
        """No targets yet."""
        self._targets: dict[str, int] = {}
        self._next_ns: dict[str, int] = {}
        self.refused = 0

    def on_tick(self, market: Market) -> None:
        """Reckon this contract's target when it is time, and go for it."""
        config, symbol = self.config, market.symbol
        if symbol not in config.weights or not market.quoted:
            return
        if market.now_ns >= self._next_ns.get(symbol, 0):
            self._next_ns[symbol] = market.now_ns + int(config.every_s * 1e9)
            value = market.mid * market.instrument.product.multiplier
            wanted = round(config.notional * config.weights[symbol] / value)
            if symbol not in self._targets or abs(wanted - self._targets[symbol]) >= config.slack:
                self._targets[symbol] = wanted
        self.ctx.target_position(symbol, self._targets[symbol])

    def on_event(self, event: BotEvent) -> None:
        """Refused orders are worth knowing: the next tick tries again."""
        self.refused += event.kind is EventKind.REJECT

    def health(self) -> dict[str, object]:
        """The targets, and how often they were refused."""
        return {"ok": not self.refused, "targets": dict(self._targets), "refused": self.refused}
