"""SSI FastConnect V3 as the broker speaks it: JSON commands under ids of twenty characters, and a plain WebSocket of events."""

from collections.abc import Collection, Container, Sequence

from tradepit.backends.broker.ssi.dialect import Placed
from tradepit.backends.broker.ssi.frames import (
    Acknowledged,
    CancelOrder,
    Funds,
    FundsAnswer,
    MasterAnswer,
    MasterRow,
    ModifyOrder,
    OrderBook,
    PlaceOrder,
    PositionsAnswer,
    ToldOrder,
    ToldPosition,
)
from tradepit.backends.broker.ssi.rest import FUNDS, MASTER, ORDER_BOOK, POSITIONS, SsiRest
from tradepit.backends.broker.ssi.stream import SsiStream
from tradepit.backends.broker.ssi.terms import day_text, request_id
from tradepit.trading.model.errors import Unavailable

_AGENT = "tradepit"
_PAGE = 1000
_PAGES = 50


class SsiV3:
    """Implements ``SsiDialect``. SSI refuses a second request under an id (HTTP 409), so ids alone make twice once."""

    resumes = keeps_changes = False

    def __init__(self, rest: SsiRest, stream_url: str) -> None:
        self.rest, self.stream_url = rest, stream_url

    async def token(self) -> str:
        """A token that is good for a while. Raises Unavailable."""
        return await self.rest.token()

    def stream_ended(self, token: str) -> None:
        """SSI may have ended it because of its token, and does not say so: the next one is new."""
        self.rest.forget_token(token)

    def request_id(self, owner: str, name: str, stamp: int, used: Container[str]) -> str:  # noqa: ARG002 - no two digests meet
        """A digest of what the request is about."""
        return request_id(owner, name, stamp)

    async def place(self, order: Placed) -> str:
        """Place an order; SSI's number of it."""
        body = PlaceOrder(
            account_no=order.account_no,
            symbol=order.symbol,
            side=order.side,
            quantity=order.quantity,
            price=format(order.price, "f"),
            order_type=order.order_type,
            client_request_id=order.request_id,
            device_id=_AGENT,
            user_agent=_AGENT,
        )
        return (await self.rest.send("POST", body, Acknowledged)).order_id

    async def cancel(self, order: Placed, change_id: str) -> None:
        """Ask for the end of an order."""
        body = CancelOrder(
            account_no=order.account_no,
            client_cancel_id=change_id,
            client_request_id=order.request_id,
            device_id=_AGENT,
            user_agent=_AGENT,
        )
        await self.rest.send("DELETE", body, Acknowledged)

    async def modify(self, order: Placed, change_id: str, quantity: int) -> None:
        """Ask for another whole quantity (lots) of an order."""
        body = ModifyOrder(
            account_no=order.account_no,
            client_modify_id=change_id,
            client_request_id=order.request_id,
            quantity=quantity,
            device_id=_AGENT,
            user_agent=_AGENT,
        )
        await self.rest.send("PUT", body, Acknowledged)

    async def orders(
        self,
        account_no: str,
        trading_day: int,
        *,
        today: bool,  # noqa: ARG002 - one list holds all days
        wanted: Collection[str],  # noqa: ARG002 - what the list does not hold is nowhere
    ) -> Sequence[ToldOrder]:
        """All orders of an account on a day, as they are now."""
        day = day_text(trading_day)
        found: list[ToldOrder] = []
        for page in range(1, _PAGES + 1):
            query = {"accountNo": account_no, "from": day, "to": day, "pageIndex": str(page), "pageSize": str(_PAGE)}
            rows = (await self.rest.ask(ORDER_BOOK, query, OrderBook)).order_list or ()
            found += rows
            if len(rows) < _PAGE:
                return found
        raise Unavailable("SSI lists more orders than can be read", account=account_no)

    async def funds(self, account_no: str) -> Funds:
        """An account's money, VND."""
        answer = await self.rest.ask(FUNDS, {"accountNo": account_no}, FundsAnswer)
        if answer.derivative is None:
            raise Unavailable("SSI answered without a derivatives account", account=account_no)
        return answer.derivative

    async def positions(self, account_no: str) -> Sequence[ToldPosition]:
        """An account's open positions."""
        query = {"clientId": self.rest.client_id, "querySummary": "true", "accountNo": account_no}
        answer = await self.rest.ask(POSITIONS, query, PositionsAnswer)
        return (answer.derivative.der_open_positions or ()) if answer.derivative is not None else ()

    async def market(self, trading_day: int, symbols: Sequence[str]) -> dict[str, MasterRow]:  # noqa: ARG002 - all at once
        """The day's prices by contract code."""
        text = day_text(trading_day)
        answer = await self.rest.ask(MASTER, {"from": text, "to": text, "pageIndex": "1", "pageSize": str(_PAGE)}, MasterAnswer)
        return {row.symbol: row for row in answer.data or ()}

    def stream(self, token: str, accounts: Sequence[str], *, after: int, timeout_s: float) -> SsiStream:  # noqa: ARG002 - only news
        """The events of ``accounts`` from now on."""
        return SsiStream(self.stream_url, token, accounts, timeout_s=timeout_s)

    async def close(self) -> None:
        """Let go of connections."""
        await self.rest.close()
