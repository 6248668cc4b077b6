"""The store: orders and what happened to them as rows that other programs query. A projection: it can be emptied and told again."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from tradepit.trading.orders.order_record import OrderEvent, OrderRecord, OrderUpdate


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What came of telling a store: how many orders' rows changed, how many knew all of it already, how many events were new."""

    changed: int
    unchanged: int
    events: int


class SchemaStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The revision of the store's tables (empty: none yet), the newest there is, and those that are missing, oldest first."""

    current: str
    newest: str
    missing: tuple[str, ...]

    @property
    def up_to_date(self) -> bool:
        """True when nothing is to be migrated."""
        return self.current == self.newest


class Tables(Protocol):
    """Tables that are brought up to date. Works before ``connect``."""

    async def schema(self) -> SchemaStatus:
        """Which revision the tables are of; changes nothing."""

    async def migrate(self) -> SchemaStatus:
        """Bring the tables up to date, whoever else tries the same; the status after it."""

    async def close(self) -> None:
        """Disconnect. Idempotent."""


class Store(Tables, Protocol):
    """Orders by their sender's id. Everything is idempotent; reads see what was kept before, from whichever instance.

    After an outage it serves again by itself. Raises Unavailable or TimedOut: it may or may not be kept, so tell it again.
    """

    async def connect(self) -> None:
        """Connect, and bring the tables up to date if the settings allow it. Idempotent.

        Raises Unavailable, and ConfigError when the tables are of another revision and may not be migrated.
        """

    async def keep(self, updates: Sequence[OrderUpdate], events: Sequence[OrderEvent] = ()) -> Kept:
        """Keep all of it or nothing; it is on disk when this returns.

        Updates are merged into the orders' rows by ``merge`` of trading/orders/order_record.py: their order does not matter, an
        older one undoes nothing. An event is kept once; of one told again the first is kept. Raises BadRequest.
        """

    async def order(self, order_id: str) -> OrderRecord | None:
        """What is known of an order, None when nothing is."""

    async def orders(self, portfolio_id: str, *, unfinished: bool = False) -> list[OrderRecord]:
        """A portfolio's orders by id, or only those that may still trade."""

    async def events(self, order_id: str) -> list[OrderEvent]:
        """An order's events in the order in which they were kept."""

    async def forget(self, portfolio_id: str) -> int:
        """Empty a portfolio's rows, so that they can be told again from the source; how many orders it had."""
