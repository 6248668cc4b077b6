"""What the two generations of SSI's API have in common for the broker: what can be said, asked and heard in each."""

from collections.abc import AsyncIterator, Collection, Container, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Protocol, Self

import msgspec

from tradepit.backends.broker.ssi.frames import Funds, MasterRow, ToldError, ToldMatch, ToldOrder, ToldPosition

SsiEvent = ToldOrder | ToldMatch | ToldError


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """An order in SSI's words. ``symbol`` is the exchange's code, ``price`` index points (0 without a limit), ``quantity`` lots.

    ``order_id`` is SSI's number, empty until it is known.
    """

    account_no: str
    request_id: str
    order_id: str = ""
    symbol: str
    side: str
    order_type: str
    price: Decimal
    quantity: int


class SsiEvents(Protocol):
    """SSI's events, joined by ``async with``. Raises Unavailable where SSI refuses or is not there."""

    async def __aenter__(self) -> Self:
        """Join."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Leave."""

    def events(self) -> AsyncIterator[SsiEvent]:
        """What SSI tells, until the stream ends."""


class SsiDialect(Protocol):
    """Commands are sent once. They raise SsiRefused, Unavailable (certainly not done), OutcomeUnknown; questions raise Unavailable.

    ``resumes``: events are numbered, and told again from a number on. ``keeps_changes``: SSI does not know the request for a change
    again, so that it has to be journaled before it is sent.
    """

    resumes: bool
    keeps_changes: bool

    async def token(self) -> str:
        """A token that is good for the stream, and for a while. Raises Unavailable."""

    def stream_ended(self, token: str) -> None:
        """The stream that was joined with ``token`` is over."""

    def request_id(self, owner: str, name: str, stamp: int, used: Container[str]) -> str:
        """An id for a request that follows from what it is about, and is none of ``used``."""

    async def place(self, order: Placed) -> str:
        """Place an order; SSI's number of it, empty where that comes later."""

    async def cancel(self, order: Placed, change_id: str) -> None:
        """Ask for the end of an order."""

    async def modify(self, order: Placed, change_id: str, quantity: int) -> None:
        """Ask for another whole quantity (lots) of an order."""

    async def orders(
        self, account_no: str, trading_day: int, *, today: bool, wanted: Collection[str]
    ) -> Sequence[ToldOrder | ToldError]:
        """All orders of an account on a day (YYYYMMDD), as they are now. ``today``: it is the date in Hanoi.

        ``wanted`` are request ids nobody has told anything of.
        """

    async def funds(self, account_no: str) -> Funds:
        """An account's money, VND."""

    async def positions(self, account_no: str) -> Sequence[ToldPosition]:
        """An account's open positions."""

    async def market(self, trading_day: int, symbols: Sequence[str]) -> dict[str, MasterRow]:
        """The day's prices by contract code, of ``symbols`` at least where SSI has them."""

    def stream(self, token: str, accounts: Sequence[str], *, after: int, timeout_s: float) -> SsiEvents:
        """The events of ``accounts``; where they are numbered, those from ``after`` on, 0 for the whole day."""

    async def close(self) -> None:
        """Let go of connections."""
