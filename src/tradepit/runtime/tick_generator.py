"""A seeded market: ticks whose volatility, spread, flow, volume and depth behave like those of an index future."""

from decimal import Decimal
from math import sqrt
from random import Random

import msgspec

from tradepit.runtime.day_curve import DayCurve
from tradepit.runtime.order_flow import OrderFlow
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Level, Tick


class MarketHabits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the generated market behaves; the defaults were fitted to half-second snapshots of CFFEX IF2101 in January 2021.

    ``noise_ticks`` is the standard deviation of the price per second at quiet times, ``trades_per_second`` likewise; both rise
    and fall with the day's curve. ``impact_ticks`` moves the price per traded lot's square root. ``pull`` is the share per
    second by which the price returns to its fundamental, which itself drifts by ``drift_ticks`` and jumps ``jumps_per_hour``
    times with fat tails. ``spread_ticks`` and ``depth_lots`` are means. ``open_interest`` is where the day begins.
    """

    noise_ticks: float = 2.2
    trades_per_second: float = 3.0
    impact_ticks: float = 0.25
    pull: float = 0.02
    drift_ticks: float = 0.8
    jumps_per_hour: float = 3.0
    jump_ticks: float = 8.0
    spread_ticks: float = 2.6
    depth_lots: float = 8.0
    open_interest: int = 90_000
    levels: int = 5


class TickGenerator:
    """One instrument's trading day. The n-th tick depends on seed, symbol, trading day and the instants of the first n alone.

    Instants are UTC ns. Prices lie on the tick grid within the day's limits; at a limit the far side of the book is empty.
    """

    def __init__(
        self,
        instrument: Instrument,
        reference: Decimal,
        seed: int,
        *,
        trading_day: int,
        curve: DayCurve,
        habits: MarketHabits | None = None,
    ) -> None:
        """``reference`` is the previous settlement (quoted units): the day opens around it and its limits follow from it."""
        self._instrument, self._reference, self._curve = instrument, reference, curve
        self._habits = habits or MarketHabits(levels=instrument.product.depth_levels)
        self._day = trading_day
        self._random = Random(f"{seed}:{instrument.symbol}:{trading_day}")  # noqa: S311 - a market model, not a secret
        self._depth = Random()  # noqa: S311 - a market model, not a secret
        self._depth_seed = self._random.getrandbits(64)
        self._flow = OrderFlow(self._random)
        self._low, self._high = instrument.price_band(reference)
        self._pre_close = self._clamp(round(reference / instrument.product.tick_size))
        self._price = self._fundamental = self._pre_close * (1 + self._random.gauss(0, 0.002))
        self._former_ns = 0
        self._spread = 1
        self._bid = self._ask = 0
        self._last = self._open = self._highest = self._lowest = 0
        self._lots = self._value = 0
        self._interest = self._habits.open_interest
        self.number = 0

    def next(self, now_ns: int) -> Tick:
        """The next tick, stamped ``now_ns``, which may not be before the former one's. The first reports the opening auction."""
        self.skip(now_ns)
        return self._tick(now_ns)

    def skip(self, now_ns: int) -> None:
        """Let a tick pass unseen, at half the price: how a restarted market catches up with where it would have been."""
        seconds = min(1.0, (now_ns - self._former_ns) / 1e9) if self._former_ns else 0.0
        self._former_ns = now_ns
        busy = self._curve.volatility(now_ns)
        if self.number:
            self._move(seconds, busy)
            self._trade(seconds, busy * busy)
        else:
            self._quote(busy)
            self._print(self._clamp(round(self._price)), self._random.randint(50, 300))
        self._quote(busy)
        self.number += 1

    def _move(self, seconds: float, busy: float) -> None:
        habits, chance = self._habits, self._random
        root = sqrt(seconds)
        self._fundamental += chance.gauss(0, habits.drift_ticks * busy * root)
        if chance.random() < habits.jumps_per_hour / 3600 * seconds:
            # Student's t with three degrees of freedom: most jumps are small, a few are not.
            spread = sqrt(sum(chance.gauss(0, 1) ** 2 for _ in range(3)) / 3)
            jump = chance.gauss(0, 1) / max(spread, 0.05) * habits.jump_ticks
            self._fundamental += jump
            self._price += jump
        self._fundamental = self._inside(self._fundamental)
        self._price += habits.pull * seconds * (self._fundamental - self._price) + chance.gauss(
            0, habits.noise_ticks * busy * root
        )
        self._price = self._inside(self._price)

    def _trade(self, seconds: float, busy: float) -> None:
        for sign, lots in self._flow.trades(self._habits.trades_per_second * busy * seconds):
            price = self._ask if sign > 0 else self._bid
            if price:
                self._print(price, lots)
            self._price = self._inside(self._price + sign * self._habits.impact_ticks * sqrt(lots))

    def _print(self, price: int, lots: int) -> None:
        self._last = price
        self._open = self._open or price
        self._highest = max(self._highest, price)
        self._lowest = min(self._lowest or price, price)
        self._lots += lots
        self._value += price * lots
        self._interest = max(0, self._interest + self._random.randint(-lots, lots))

    def _quote(self, busy: float) -> None:
        if not self._bid or self._random.random() < 0.35:
            extra, more = 0, 1 - 1 / (self._habits.spread_ticks * (0.7 + 0.3 * busy))
            while extra < 19 and self._random.random() < more:
                extra += 1
            self._spread = 1 + extra
        bid = self._clamp(round(self._price - self._spread / 2))
        ask = bid + self._spread
        if ask > self._high:
            # Nobody sells below the limit any more: only the bid is left, at the limit.
            bid, ask = self._high, 0
        elif bid <= self._low and self._price <= self._low:
            bid, ask = 0, self._low
        self._bid, self._ask = bid, ask

    def _levels(self, best: int, step: int) -> tuple[Level, ...]:
        levels: list[Level] = []
        price = best
        while price and len(levels) < self._habits.levels and self._low <= price <= self._high:
            mean = self._habits.depth_lots * (1 + 0.35 * len(levels))
            levels.append(Level(price, 1 + int(self._depth.expovariate(1 / mean))))
            price += step * (2 if self._depth.random() < 0.15 else 1)
        return tuple(levels)

    def _tick(self, now_ns: int) -> Tick:
        product = self._instrument.product
        # Depth has its own chance, renewed with every tick, so that skipped ticks do not change it.
        self._depth.seed(self._depth_seed + self.number)
        return Tick(
            symbol=self._instrument.symbol,
            exchange=product.exchange,
            time_ns=now_ns,
            trading_day=self._day,
            last_ticks=self._last,
            volume_lots=self._lots,
            turnover=self._instrument.notional(self._value, 1),
            open_interest=self._interest,
            open_ticks=self._open,
            high_ticks=self._highest,
            low_ticks=self._lowest,
            upper_limit_ticks=self._high,
            lower_limit_ticks=self._low,
            pre_close_ticks=self._pre_close,
            pre_settlement=self._reference,
            bids=self._levels(self._bid, -1),
            asks=self._levels(self._ask, 1),
            phase=SessionPhase.CONTINUOUS,
        )

    def _clamp(self, ticks: int) -> int:
        return min(max(ticks, self._low), self._high)

    def _inside(self, price: float) -> float:
        return min(max(price, float(self._low)), float(self._high))
