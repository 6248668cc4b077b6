"""What a backtest found out."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.trade import Trade


class EquityPoint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The account at an instant (UTC ns), money as Decimal; ``margin`` is what positions hold back."""

    time_ns: int
    balance: Decimal
    margin: Decimal


class PricePoint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The last price of a contract at an instant, in ticks."""

    time_ns: int
    symbol: str
    last_ticks: int


class RoundTrip(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Lots that were closed at once against the average price they had: ``profit`` before fees, in the account's currency."""

    time_ns: int
    symbol: str
    side: str
    lots: int
    entry: float
    exit: float
    profit: Decimal


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Money in the account's currency. ``max_drawdown`` is the deepest fall from a former height among the noted points, and
    ``max_drawdown_pct`` the same in percent of that height. Round trips are closings against the average price. ``profit_factor`` is
    what winners won over what losers lost, None without losers. ``fill_share`` is lots filled over lots asked for.
    """

    net_profit: Decimal
    return_pct: float
    gross_profit: Decimal
    fees: Decimal
    max_drawdown: Decimal
    max_drawdown_pct: float
    orders: int
    fills: int
    lots: int
    fill_share: float
    cancelled: int
    round_trips: int
    winners: int
    losers: int
    profit_factor: float | None
    max_position: int
    final_position: dict[str, int]


class BacktestResult(msgspec.Struct, frozen=True, kw_only=True):
    """``digest`` is SHA-256 over all events: equal for equal bots, parameters, seeds and ticks. ``bot`` is the host's ``health()``."""

    bot: str
    params: dict[str, Any]
    seed: int
    latency_ms: float
    account: str
    currency: str
    deposit: Decimal
    rows: int
    ticks: int
    refused_rows: dict[str, int]
    refused_ticks: dict[str, int]
    other_references: list[tuple[str, int]]
    first_ns: int
    last_ns: int
    digest: str
    host: dict[str, Any]
    statistics: Statistics
    instruments: dict[str, Instrument]
    trades: list[Trade]
    orders: list[Order]
    equity: list[EquityPoint]
    prices: list[PricePoint]
    round_trips: list[RoundTrip]

    @property
    def sound(self) -> bool:
        """True when the bot ran to its end without being paused, and no exception is on record."""
        return self.host["phase"] == "stopped" and not self.host["exceptions"]


def drawdown(points: Sequence[EquityPoint]) -> tuple[Decimal, float]:
    """The deepest fall from a former height, as money and in percent of that height."""
    height, deepest, share = Decimal(0), Decimal(0), 0.0
    for point in points:
        height = max(height, point.balance)
        fall = height - point.balance
        deepest = max(deepest, fall)
        if height > 0:
            share = max(share, float(fall / height) * 100)
    return deepest, share
