"""Order rows: what the broker connect asks of a store, the orders other programs query and what happened to them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

import msgspec


class OrderUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """The whole state of an order as one source told it at ``told_ns`` (UTC ns; 0: it did not say when).

    ``order_id`` is the sender's own. ``symbol``, ``side``, ``offset`` and ``status`` are words of the contract that told it and are
    kept as they are. ``finished``: it can trade no more. ``trade_price`` is the average.
    """

    order_id: str
    portfolio_id: str
    symbol: str
    side: str
    offset: str
    status: str
    finished: bool
    volume_lots: int
    left_lots: int
    filled_lots: int
    exchange_order_id: str | None = None
    limit_price: Decimal | None = None
    trade_price: Decimal | None = None
    inserted_ns: int | None = None
    told_ns: int = 0


class OrderEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to an order. ``kind`` is the contract's word, ``body`` the message as it came, JSON.

    ``identity`` is what tells it apart from other events of that order and kind; when empty, the body itself is.
    """

    order_id: str
    portfolio_id: str
    kind: str
    body: bytes
    identity: str = ""


class FoundOrder(Protocol):
    """A row as it is read: at least these fields of OrderUpdate."""

    @property
    def order_id(self) -> str:
        """The sender's own id."""

    @property
    def status(self) -> str:
        """The contract's word."""

    @property
    def finished(self) -> bool:
        """True when it can trade no more."""

    @property
    def filled_lots(self) -> int:
        """Lots traded."""

    @property
    def left_lots(self) -> int:
        """Lots not traded."""

    @property
    def trade_price(self) -> Decimal | None:
        """The average price of what traded."""


class OrderRows(Protocol):
    """Rows by the sender's order id. Raises Unavailable: it may or may not be kept, so tell it again; BadRequest for no row at all."""

    async def connect(self) -> None:
        """Connect. Idempotent."""

    async def keep(self, updates: Sequence[OrderUpdate], events: Sequence[OrderEvent] = ()) -> object:
        """Keep all of it or nothing. An older update undoes nothing, whatever their order: a finished one beats any other, then the
        larger filled volume, the later instant. An event is kept once.
        """

    async def order(self, order_id: str) -> FoundOrder | None:
        """What is known of an order, None when nothing is."""

    async def events(self, order_id: str) -> Sequence[OrderEvent]:
        """An order's events in the order in which they were kept."""

    async def close(self) -> None:
        """Disconnect. Idempotent."""
