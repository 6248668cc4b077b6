"""The rows of what has been traded: orders, executions, positions, results, limits and risk's word, as one batch of news."""

from decimal import Decimal
from typing import Literal

import msgspec

OrderKey = tuple[str, str, int]
"""Account, the sender's own id, and the journal's entry that told the order first: an id may be used again years later."""
EventKind = Literal["refused", "warned", "state", "limits", "alert"]


class _Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """``entry`` is the journal's entry that told the row last: a row is never replaced by one of an earlier entry."""

    entry: int


class OrderRow(_Row, frozen=True, kw_only=True, gc=False):
    """An order now. Instants are UTC nanoseconds, the price is in quoted units (None: the market's), the rest in lots."""

    account: str
    client_order_id: str
    accepted_entry: int
    bot: str
    symbol: str
    exchange: str
    side: str
    offset: str
    order_type: str
    qty: int
    price: Decimal | None
    status: str
    provider_order_id: str | None
    filled_qty: int
    left_qty: int
    reason: str
    reference: str
    sequence: int
    created_at: int
    updated_at: int

    @property
    def key(self) -> OrderKey:
        """Which order it is."""
        return self.account, self.client_order_id, self.accepted_entry


class ExecutionRow(_Row, frozen=True, kw_only=True, gc=False):
    """One fill of the order ``order``, whose row's id is known once it was kept."""

    id: str
    order_id: str = ""
    order: OrderKey
    account: str
    bot: str
    symbol: str
    exchange: str
    side: str
    offset: str
    trade_id: str
    trading_day: int
    fill_qty: int
    fill_price: Decimal
    fee: Decimal
    filled_at: int


class PositionRow(_Row, frozen=True, kw_only=True, gc=False):
    """What a bot holds in a contract, and what it has made there since the beginning. Money in ``currency``."""

    account: str
    bot: str
    symbol: str
    lots: int
    open_price: Decimal | None
    open_cost: Decimal
    multiplier: Decimal
    realized: Decimal
    fees: Decimal
    currency: str
    updated_at: int


class PnlRow(_Row, frozen=True, kw_only=True, gc=False):
    """What a bot made in a contract on a trading day; ``mark_to_market`` and ``net`` are None until the day is settled."""

    trading_day: int
    account: str
    bot: str
    symbol: str
    realized: Decimal
    mark_to_market: Decimal | None
    fees: Decimal
    net: Decimal | None
    volume: int
    fills: int
    lots: int
    day_cost: Decimal
    multiplier: Decimal
    settled: bool
    currency: str
    updated_at: int


class LimitRow(_Row, frozen=True, kw_only=True, gc=False):
    """All limits that are set for a scope, as JSON."""

    scope: str
    limits: str
    who: str
    reason: str
    set_at: int


class RiskEventRow(_Row, frozen=True, kw_only=True, gc=False):
    """Something that risk said. ``order`` is the order refused."""

    id: str
    kind: EventKind
    at: int
    severity: str = ""
    account: str = ""
    bot: str = ""
    symbol: str = ""
    scope: str = ""
    code: str = ""
    rule: str = ""
    limit_value: str = ""
    value: str = ""
    message: str = ""
    who: str = ""
    order: OrderKey | None = None


class RecordBatch(msgspec.Struct, kw_only=True):
    """What the entries after ``after``, up to ``through``, have changed: of each row only the last of its states. Mutable."""

    after: int
    through: int
    orders: dict[OrderKey, OrderRow] = {}
    executions: dict[str, ExecutionRow] = {}
    positions: dict[tuple[str, str, str], PositionRow] = {}
    pnl: dict[tuple[int, str, str, str], PnlRow] = {}
    limits: dict[str, LimitRow] = {}
    events: dict[str, RiskEventRow] = {}

    @property
    def rows(self) -> int:
        """How many rows it has."""
        parts = (self.orders, self.executions, self.positions, self.pnl, self.limits, self.events)
        return sum(len(part) for part in parts)
