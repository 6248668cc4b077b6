"""One broker for several services of a process: one login, connected once, closed by whoever leaves last."""

from collections.abc import AsyncIterator

from tradepit.ports.broker import Broker, Capabilities, Listing
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import StaleEpoch
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.report import Report
from tradepit.trading.risk.review import Approved


class _Users:
    """How many shares are connected now, and the one epoch under which all of them command, 0 when each has its own."""

    def __init__(self, epoch: int) -> None:
        self.count = 0
        self.epoch = epoch


class SharedBroker:
    """A share of a broker; ``share`` makes another. Everything else is the broker's own, promises and errors included.

    To the broker the shares are one sender. Their owners count their terms apart, each for itself, and would fence one another:
    with ``epoch``, which must rise with every start of the process, all of them command under it, and a share refuses by itself
    what comes under a lower term than the one it was opened with.
    """

    def __init__(self, broker: Broker, users: _Users | None = None, *, epoch: int = 0) -> None:
        self._broker, self._users = broker, users or _Users(epoch)
        self._connected = False
        self._term = 0

    def share(self) -> "SharedBroker":
        """A share for one more service."""
        return SharedBroker(self._broker, self._users)

    @property
    def capabilities(self) -> Capabilities:
        return self._broker.capabilities

    async def connect(self) -> None:
        if not self._connected:
            self._connected = True
            self._users.count += 1
        await self._broker.connect()

    async def open_session(self, epoch: int) -> None:
        self._term = max(self._term, epoch)
        await self._broker.open_session(self._epoch(epoch))

    async def submit(self, approved: Approved, *, epoch: int) -> Order:
        return await self._broker.submit(approved, epoch=self._epoch(epoch))

    async def cancel(self, account: str, client_order_id: str, *, epoch: int) -> Order:
        return await self._broker.cancel(account, client_order_id, epoch=self._epoch(epoch))

    async def resolve(self, intent: OrderIntent, *, epoch: int) -> Order:
        return await self._broker.resolve(intent, epoch=self._epoch(epoch))

    async def query(self, account: str, client_order_id: str) -> Order | None:
        return await self._broker.query(account, client_order_id)

    def reports(self, after: int) -> AsyncIterator[Report]:
        return self._broker.reports(after)

    async def last_report(self) -> int:
        return await self._broker.last_report()

    async def instruments(self) -> list[Listing]:
        return await self._broker.instruments()

    async def find(self, symbol: str) -> Listing | None:
        return await self._broker.find(symbol)

    async def account(self, account: str) -> Account:
        return await self._broker.account(account)

    async def positions(self, account: str) -> list[Position]:
        return await self._broker.positions(account)

    def _epoch(self, term: int) -> int:
        if not self._users.epoch:
            return term
        if term < self._term:
            raise StaleEpoch(epoch=term, highest=self._term)
        return self._users.epoch

    async def close(self) -> None:
        """Give this share back; the last one closes the broker. Idempotent."""
        if not self._connected:
            return
        self._connected = False
        self._users.count -= 1
        if self._users.count == 0:
            await self._broker.close()
