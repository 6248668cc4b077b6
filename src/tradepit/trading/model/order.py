"""Orders: what a trader asks for (OrderIntent) and what has become of it (Order)."""

import msgspec

from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side


class OrderIntent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One order as asked for. ``client_order_id`` is the sender's own id: sending it twice is sending it once.

    ``price_ticks`` is 0 for market orders. ``created_ns`` is the sender's instant (UTC ns), 0 when not told.
    ``reference`` is free text of the sender, carried through unchanged (an algorithm's id). ``bot`` is the id of the bot that
    wants the order, ``sequence`` its number of the bot's orders on the account (rising, 0 when not told): a second order under a
    number already used is the first one told again. From ``expires_ns`` (UTC ns, 0: never) on the order is not wanted any more.
    """

    client_order_id: str
    account: str
    symbol: str
    exchange: Exchange
    side: Side
    offset: Offset
    order_type: OrderType
    price_ticks: int
    volume_lots: int
    created_ns: int = 0
    reference: str = ""
    bot: str = ""
    sequence: int = 0
    expires_ns: int = 0


class Order(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The state of an order. ``traded_lots`` never falls. ``order_id`` is the venue's, empty until it answered.

    ``left_lots`` is what still rests or may still trade; 0 once terminal. ``reason`` is a stable code for refusals.
    """

    intent: OrderIntent
    status: OrderStatus
    order_id: str = ""
    traded_lots: int = 0
    left_lots: int = 0
    reason: str = ""
    message: str = ""
    inserted_ns: int = 0
    updated_ns: int = 0

    @property
    def client_order_id(self) -> str:
        """The sender's id of this order."""
        return self.intent.client_order_id

    @property
    def active(self) -> bool:
        """True while the order may still trade."""
        return not self.status.terminal
