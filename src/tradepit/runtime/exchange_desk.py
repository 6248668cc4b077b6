"""Questions to the exchange, as followers of its events ask them: listed contracts, money, and its numbered reports."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import TypeVar

import msgspec

from tradepit.ports.bus import Bus
from tradepit.trading.ledger.statement import SettlementStatement
from tradepit.trading.matching.commands import OpenAccount
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import BadRequest, Unavailable
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.position import Position
from tradepit.trading.model.report import Report
from tradepit.trading.model.tick import Tick
from tradepit.trading.records.bars import Bar
from tradepit.wire import gateway as wire
from tradepit.wire.simulator import TRADING_GATEWAY, rpc_subject

ReplyT = TypeVar("ReplyT", bound=wire.Reply)


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument of the running trading day (YYYYMMDD) and its previous settlement price (quoted units)."""

    instrument: Instrument
    reference: Decimal
    trading_day: int


class ExchangeDesk:
    """Every question raises Unavailable when the exchange does not answer properly now."""

    def __init__(self, bus: Bus, timeout_s: float = 2.0) -> None:
        self._bus, self._timeout_s = bus, timeout_s

    async def instruments(self) -> wire.InstrumentsReply:
        """All listed contracts with their previous settlement, and the exchange's trading day."""
        reply = await self._ask("instruments", wire.QueryInstruments(), wire.InstrumentsReply)
        while len(reply.instruments) < reply.total:
            rest = wire.QueryInstruments(offset=len(reply.instruments))
            page = await self._ask("instruments", rest, wire.InstrumentsReply)
            if not page.instruments:
                break
            reply = msgspec.structs.replace(page, instruments=[*reply.instruments, *page.instruments])
        return reply

    async def listed(self, symbol: str) -> Listed:
        """Today's listing of a contract; Unavailable too when it is not listed, for it may be yet."""
        reply = await self.instruments()
        for state in reply.instruments:
            if state.instrument.symbol == symbol:
                reference = Decimal(state.pre_settlement)
                return Listed(instrument=state.instrument, reference=reference, trading_day=reply.trading_day)
        raise Unavailable("the exchange does not list the contract", symbol=symbol)

    async def account(self, account: str) -> Account | None:
        """The account's money; None when the exchange does not know it."""
        try:
            return (await self._ask("account", wire.QueryAccount(account=account), wire.AccountReply)).account
        except BadRequest:
            return None

    async def market(self, symbol: str) -> Tick | None:
        """A listed contract's market now, the exchange's own book in it. None when it is not listed."""
        try:
            return (await self._ask("depth", wire.DepthRequest(symbol=symbol), wire.DepthReply)).tick
        except BadRequest:
            return None

    async def bars(self, symbol: str, trading_day: int) -> list[Bar]:
        """The bars of a minute that a real broker has of a day (YYYYMMDD). Raises BadRequest where they cannot be had, now or ever."""
        body = wire.BarsRequest(symbol=symbol, trading_day=trading_day)
        return (await self._ask("bars", body, wire.BarsReply)).bars

    async def positions(self, account: str) -> list[Position]:
        """The account's positions as the exchange holds them, lots of working close orders frozen."""
        return (await self._ask("positions", wire.QueryAccount(account=account), wire.PositionsReply)).positions

    async def statement(self, account: str, trading_day: int) -> SettlementStatement | None:
        """The account's statement of a settled day; None when the exchange has none, or does not know the account."""
        try:
            body = wire.QueryStatement(account=account, trading_day=trading_day)
            return (await self._ask("statement", body, wire.StatementReply)).statement
        except BadRequest:
            return None

    async def orders(self, account: str) -> list[Order]:
        """All orders of the account of this trading day and the one before, oldest first."""
        found: list[Order] = []
        while True:
            page = await self._ask("orders", wire.QueryOrders(account=account, offset=len(found)), wire.OrdersReply)
            found += page.orders
            if not page.orders or len(found) >= page.total:
                return found

    async def order(self, account: str, client_order_id: str) -> Order | None:
        """One order by its sender's id; None when it never came to the exchange."""
        body = wire.QueryOrder(account=account, client_order_id=client_order_id)
        return (await self._ask("query_order", body, wire.OrderReply)).order

    async def open_account(self, account: str, deposit: Decimal) -> None:
        """Open an account with money in it; one that is open already stays as it is. Raises BadRequest when it is refused."""
        await self._ask("open_account", OpenAccount(account=account, deposit=deposit, currency="CNY"), wire.Done)

    async def last_report(self) -> int:
        """The number of the newest report there is."""
        return (await self._ask("status", None, wire.StatusReply)).last_report

    async def report_before(self, time_ns: int) -> int:
        """A number after which come all reports of ``time_ns`` (the exchange's UTC ns) and later, and none of before."""
        low, high = 0, await self.last_report()
        while low < high:
            middle = (low + high) // 2
            page = await self._ask("reports", wire.ReportsRequest(after=middle, limit=1), wire.ReportsReply)
            if page.reports and wire.read_report(page.reports[0]).time_ns < time_ns:
                low = middle + 1
            else:
                high = middle
        return low

    async def reports(self, after: int) -> AsyncIterator[Report]:
        """All reports numbered above ``after`` up to the newest at the time of the last page, in order, without gaps."""
        while True:
            reply = await self._ask("reports", wire.ReportsRequest(after=after), wire.ReportsReply)
            for raw in reply.reports:
                report = wire.read_report(raw)
                after = report.sequence
                yield report
            if after >= reply.last or not reply.reports:
                return

    async def _ask(self, method: str, body: msgspec.Struct | None, kind: type[ReplyT]) -> ReplyT:
        payload = b"" if body is None else wire.encode(body)
        answer = await self._bus.request(rpc_subject(TRADING_GATEWAY, method), payload, timeout_s=self._timeout_s)
        try:
            reply = msgspec.json.decode(answer, type=kind)
        except msgspec.MsgspecError as error:
            raise Unavailable("the exchange's answer cannot be read", method=method) from error
        if not reply.error:
            return reply
        if reply.error in ("SERVICE_UNAVAILABLE", "TIMEOUT", "NOT_ACTIVE", "STALE_EPOCH", "INTERNAL_ERROR"):
            raise Unavailable(reply.message, method=method, code=reply.error)
        raise BadRequest(reply.message, method=method, code=reply.error)
