"""The broker: where approved orders go and reports come from; the simulated exchange or a real one."""

from collections.abc import AsyncIterator, Awaitable
from decimal import Decimal
from typing import Protocol

import msgspec

from tradepit.trading.model.account import Account
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.report import Report
from tradepit.trading.model.terms import Offset, OrderType, SessionPhase
from tradepit.trading.risk.review import Approved


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a broker can do. ``voids_unknown``: resolve() can rule out that a lost order turns up later.

    ``phases_by_asking``: nobody publishes its market's phases, so ``instruments()`` has to be asked again and again. ``gathers``:
    orders submitted at once share a message, so it pays to let those that come while a group is on its way form the next one.
    """

    order_types: frozenset[OrderType]
    offsets: frozenset[Offset]
    reduces: bool
    voids_unknown: bool
    phases_by_asking: bool = False
    gathers: bool = False


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A contract as it is traded today: its phase, its limits (integer ticks), its previous settlement (quoted units)."""

    instrument: Instrument
    phase: SessionPhase
    lower_limit_ticks: int
    upper_limit_ticks: int
    pre_settlement: Decimal


class Broker(Protocol):
    """Commands raise StaleEpoch (fenced), Unavailable (certainly not done), OutcomeUnknown (maybe done): never a vendor's error.

    A refusal of the broker is not an exception but an order with status REJECTED and its reason.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this broker can do."""

    async def connect(self) -> None:
        """Connect. Idempotent."""

    async def open_session(self, epoch: int) -> None:
        """Fence: after this, commands of lower epochs are refused for ever."""

    def submit(self, approved: Approved, *, epoch: int) -> Awaitable[Order]:
        """Send an order; its state once the broker answered. Idempotent by (account, client_order_id).

        A coroutine, or, where many orders share an answer, a future: no order then needs a task.
        """

    async def cancel(self, account: str, client_order_id: str, *, epoch: int) -> Order:
        """Cancel what is left; answers with the order's state when it was already finished. Raises OrderNotFound."""

    async def resolve(self, intent: OrderIntent, *, epoch: int) -> Order:
        """What became of an order whose answer was lost? Where ``voids_unknown``, an order never seen is voided (REJECTED, NOT_SENT)."""

    async def query(self, account: str, client_order_id: str) -> Order | None:
        """The order by its sender's id, None when the broker does not know it. Raises Unavailable when that cannot be said now."""

    def reports(self, after: int) -> AsyncIterator[Report]:
        """All reports with a sequence above ``after``, in order, without gaps, for ever; survives reconnects."""

    async def last_report(self) -> int:
        """The number of the newest report there is."""

    async def instruments(self) -> list[Listing]:
        """What can be traded today, as far as it has been asked for."""

    async def find(self, symbol: str) -> Listing | None:
        """A contract by its code, looked for when it is asked for the first time; None when the broker does not know it."""

    async def account(self, account: str) -> Account:
        """The account's money. Raises RequestRefused for an unknown account."""

    async def positions(self, account: str) -> list[Position]:
        """The account's positions."""

    async def close(self) -> None:
        """Disconnect. Idempotent."""
