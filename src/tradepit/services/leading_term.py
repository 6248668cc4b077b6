"""What the parts of a leader (its cancels, its doubts) need of the term of office they work in."""

import asyncio
from typing import Protocol

from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk

Key = tuple[str, str]


def key_of(intent: OrderIntent) -> Key:
    """By what an order is known: account and client order id."""
    return intent.account, intent.client_order_id


class Sending(Protocol):
    """Orders on their way to the broker, by key."""

    def __contains__(self, key: object) -> bool: ...

    async def join(self, key: Key) -> None:
        """Wait until the order is no longer under way; at once when it is not."""


class Term(Protocol):
    """One term of a leader, as its parts see it."""

    @property
    def desk(self) -> OrderDesk:
        """Register and exposure."""

    @property
    def epoch(self) -> int:
        """The epoch every command carries."""

    @property
    def fenced(self) -> bool:
        """True once the journal refused this term."""

    @property
    def sending(self) -> Sending:
        """Orders on their way to the broker."""

    def record(self, *news: facts.Fact, lazy: bool = False) -> "asyncio.Future[int]":
        """Apply facts and queue them for the journal; the future resolves once they are durable. Raises NotActive when fenced."""

    async def write(self, *news: facts.Fact) -> None:
        """Record facts and wait until they, and all before them, are durable. Raises NotActive."""

    def learn_order(self, order: Order) -> Order:
        """Apply the broker's answer; the order as it is known after it."""
