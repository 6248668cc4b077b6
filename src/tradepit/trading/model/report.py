"""Broker reports: what a broker or exchange tells about orders and trades, numbered without gaps."""

import msgspec

from tradepit.trading.model.order import Order
from tradepit.trading.model.trade import Trade


class OrderReport(msgspec.Struct, frozen=True, kw_only=True, tag="order", tag_field="kind", gc=False):
    """The whole state of an order after something happened to it. ``sequence`` rises by one over all reports of a broker."""

    sequence: int
    time_ns: int
    trading_day: int
    order: Order


class TradeReport(msgspec.Struct, frozen=True, kw_only=True, tag="trade", tag_field="kind", gc=False):
    """One fill. Its order's new state follows as an OrderReport with the next numbers."""

    sequence: int
    time_ns: int
    trading_day: int
    trade: Trade


class DayReport(msgspec.Struct, frozen=True, kw_only=True, tag="day", tag_field="kind", gc=False):
    """The trading day was settled and the next one begun: today's lots are history lots now.

    ``trading_day`` is the new day, ``settled_day`` the one that ended. ``settlement_prices`` maps symbols to decimal strings
    in quoted units, because settlement prices need not lie on the tick grid.
    """

    sequence: int
    time_ns: int
    trading_day: int
    settled_day: int
    settlement_prices: dict[str, str]


Report = OrderReport | TradeReport | DayReport
