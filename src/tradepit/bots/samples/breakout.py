"""A breakout trader that knows the session: the range of the first minutes, one trade on either side of it, flat before the close."""

from datetime import date
from typing import Annotated

import msgspec

from tradepit.bots import BotBase, BotEvent, EventKind, Market
from tradepit.trading.calendar.local_time import NS_PER_SECOND

Seconds = Annotated[float, msgspec.Meta(gt=0)]


class Breakout(BotBase):
    """The range is that of the first ``range_s`` trading seconds of a day. A price ``beyond`` ticks outside it is followed, once a day
    on each side, with a stop at the other end of the range. ``out_s`` trading seconds before the close it is flat.
    """

    class Config(msgspec.Struct, frozen=True, kw_only=True):
        """What it trades, and when."""

        symbol: str
        lots: Annotated[int, msgspec.Meta(ge=1)] = 1
        range_s: Seconds = 900.0
        beyond: Annotated[int, msgspec.Meta(ge=0)] = 5
        out_s: Seconds = 300.0

    config: Config
    _low: float
    _high: float
    _side: int
    _tried: set[int]

    def on_start(self) -> None:
        """A new day."""
        self._new_day()

    def on_event(self, event: BotEvent) -> None:
        """The night's session belongs to the day it opens, which the exchange's settlement says, not midnight."""
        if event.kind is EventKind.DAY:
            self._new_day()

    def on_tick(self, market: Market) -> None:
        """Measure the range, wait for the price to leave it, and be out in time."""
        config = self.config
        if market.symbol != config.symbol or not market.quoted:
            return
        if market.seconds_to_close <= config.out_s:
            self.ctx.target_position(config.symbol, 0)
            return
        if self._elapsed_s(market) < config.range_s:
            self._low, self._high = min(self._low, market.last), max(self._high, market.last)
            return
        if self._low > self._high:
            # The recording, or the bot, began after the range did: there is none today.
            return
        self._follow(market)
        self.ctx.target_position(config.symbol, self._side * config.lots)

    def _follow(self, market: Market) -> None:
        room = self.config.beyond * market.tick_size
        if (self._side > 0 and market.last < self._low) or (self._side < 0 and market.last > self._high):
            self._side = 0
        if market.last > self._high + room and 1 not in self._tried:
            self._side = 1
            self._tried.add(1)
        elif market.last < self._low - room and -1 not in self._tried:
            self._side = -1
            self._tried.add(-1)

    def _elapsed_s(self, market: Market) -> float:
        """Seconds of continuous trading since the day's first."""
        group, calendar = market.instrument.product.session_group, self.ctx.calendar
        opened_ns = calendar.phases(date.fromisoformat(str(market.trading_day)), group)[0].start_ns
        return calendar.trading_ns_between(opened_ns, market.now_ns, group) / NS_PER_SECOND

    def _new_day(self) -> None:
        self._low, self._high = float("inf"), float("-inf")
        self._side = 0
        self._tried = set()
