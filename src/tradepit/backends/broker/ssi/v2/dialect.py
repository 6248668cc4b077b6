"""SSI FastConnect V2 as the broker speaks it: signed commands under ids of eight digits, and a SignalR hub of numbered events."""

from collections.abc import Collection, Container, Sequence
from datetime import date

from tradepit.backends.broker.ssi.dialect import Placed
from tradepit.backends.broker.ssi.frames import Funds, MasterRow, ToldError, ToldOrder, ToldPosition
from tradepit.backends.broker.ssi.terms import short_request_id
from tradepit.backends.broker.ssi.v2.frames import Balance, CancelOrder, ModifyOrder, NewOrder, Orders, Positions
from tradepit.backends.broker.ssi.v2.prices import SsiV2Prices
from tradepit.backends.broker.ssi.v2.rest import SsiV2Rest
from tradepit.backends.broker.ssi.v2.stream import SsiV2Stream
from tradepit.trading.model.errors import OutcomeUnknown

_AGENT = "tradepit"


class SsiV2:
    """Implements ``SsiDialect``. ``device_id`` is a MAC address, which SSI wants with each command.

    SSI's answer to a command says only that it arrived: the order's number, or why there is none, comes as an event. An id is
    good for one request of a day, and what SSI does with a second is not documented: nothing is ever sent twice.
    """

    resumes = keeps_changes = True

    def __init__(self, rest: SsiV2Rest, prices: SsiV2Prices, stream_url: str, *, device_id: str) -> None:
        self.rest, self.prices, self._stream_url, self._device_id = rest, prices, stream_url, device_id

    async def token(self) -> str:
        """A token that is good for the stream, and for a while. Raises Unavailable."""
        return await self.rest.login.reading_token()

    def stream_ended(self, token: str) -> None:
        """A token lasts for eight hours, whatever becomes of the stream: a one-time code is not to be had for each."""

    def request_id(self, owner: str, name: str, stamp: int, used: Container[str]) -> str:
        """Eight digits that follow from what the request is about, or the next free ones."""
        return short_request_id(owner, name, stamp, used)

    async def place(self, order: Placed) -> str:
        """Place an order; its number comes later."""
        body = NewOrder(
            account=order.account_no,
            request_id=order.request_id,
            instrument_id=order.symbol,
            buy_sell=order.side,
            order_type=order.order_type,
            price=float(order.price),
            quantity=order.quantity,
            device_id=self._device_id,
            user_agent=_AGENT,
        )
        await self.rest.send("derNewOrder", body)
        return ""

    async def cancel(self, order: Placed, change_id: str) -> None:
        """Ask for the end of an order."""
        body = CancelOrder(
            account=order.account_no,
            request_id=change_id,
            order_id=_numbered(order),
            instrument_id=order.symbol,
            buy_sell=order.side,
            device_id=self._device_id,
            user_agent=_AGENT,
        )
        await self.rest.send("derCancelOrder", body)

    async def modify(self, order: Placed, change_id: str, quantity: int) -> None:
        """Ask for another whole quantity (lots) of an order, at the price it has."""
        body = ModifyOrder(
            account=order.account_no,
            request_id=change_id,
            order_id=_numbered(order),
            instrument_id=order.symbol,
            price=float(order.price),
            quantity=quantity,
            buy_sell=order.side,
            order_type=order.order_type,
            device_id=self._device_id,
            user_agent=_AGENT,
        )
        await self.rest.send("derModifyOrder", body)

    async def orders(
        self, account_no: str, trading_day: int, *, today: bool, wanted: Collection[str]
    ) -> Sequence[ToldOrder | ToldError]:
        """All orders of an account on a day, as they are now.

        Where today's list does not hold what is wanted, SSI's audit is asked too: it tells of requests that came to nothing.
        """
        if not today:
            day = date.fromisoformat(str(trading_day)).strftime("%d/%m/%Y")
            past = await self.rest.ask("orderHistory", {"account": account_no, "startDate": day, "endDate": day}, Orders)
            return [row.told() for row in past.order_histories or ()]
        found: list[ToldOrder | ToldError] = []
        listed = await self.rest.ask("orderBook", {"account": account_no}, Orders)
        told = [row.told() for row in listed.orders or ()]
        found += told
        if set(wanted) - {order.client_request_id for order in told}:
            audit = (await self.rest.ask("auditOrderBook", {"account": account_no}, Orders)).orders or ()
            known = {order.order_id for order in told}
            found += [row.told() for row in audit if row.order_id not in known]
            found += [error for row in audit if (error := row.error()) is not None]
        return found

    async def funds(self, account_no: str) -> Funds:
        """An account's money, VND."""
        return (await self.rest.ask("derivAcctBal", {"account": account_no}, Balance)).funds()

    async def positions(self, account_no: str) -> Sequence[ToldPosition]:
        """An account's open positions."""
        query = {"account": account_no, "querySummary": "true"}
        return (await self.rest.ask("derivPosition", query, Positions)).told()

    async def market(self, trading_day: int, symbols: Sequence[str]) -> dict[str, MasterRow]:
        """The day's prices by contract code."""
        return await self.prices.of_day(trading_day, symbols)

    def stream(self, token: str, accounts: Sequence[str], *, after: int, timeout_s: float) -> SsiV2Stream:  # noqa: ARG002 - all
        """The events of every account of the login from ``after`` on."""
        return SsiV2Stream(self._stream_url, token, after=after, timeout_s=timeout_s, forget=self.rest.login.forget)

    async def close(self) -> None:
        """Let go of connections."""
        await self.rest.close()
        await self.prices.close()


def _numbered(order: Placed) -> str:
    if not order.order_id:
        raise OutcomeUnknown("SSI has not told the order's number yet: nothing can be asked of it")
    return order.order_id
