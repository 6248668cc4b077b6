"""A DIFF client's orders and cancels on their way through order management, and what is told when they do not get there."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

from loguru import logger

from tradepit.ports.clock import Clock
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.runtime.intent_log import IntentLog
from tradepit.runtime.order_client import OrderClient, Refused, Reply
from tradepit.runtime.tasks import TaskGroup
from tradepit.trading.model.errors import OutcomeUnknown, TradepitError
from tradepit.trading.model.instrument import Instrument
from tradepit.web.diff import notices
from tradepit.web.diff.market import Market
from tradepit.web.diff.naming import client_order_id_of, order_id_of
from tradepit.web.diff.orders import CancelOrder, InsertOrder, contract_name, house_order, refusal_text, refused_record
from tradepit.web.diff.outlet import Outlet
from tradepit.web.diff.trading_user import TradingUser
from tradepit.web.diff.unsettled import intent_of, read_unsettled
from tradepit.wire.simulator_codec import from_iso

_AGAIN_S = 0.5
_UNDECIDED = ("PENDING", "UNKNOWN")
NEVER_SENT = "CTP:报单未发出"
NOT_LOGGED_IN = "CTP:还没有登录"
_REPEATED = "报单编号重复: {}"
_UNKNOWN_ORDER = "要撤销的单不存在: {}"


class OrderDesk:
    """Every order is one task: asked again under the same id until its fate is known. A cancel waits for its order's answer.

    ``intents`` is where this life of the front writes down what it asks for; what former ones left unanswered beside it is settled
    when its user comes. ``time`` is the exchange's, ``clock`` the machine's, by which order management judges how old a request is.
    """

    def __init__(
        self, client: OrderClient, house: ExchangeDesk, clock: Clock, time: Clock, market: Market, intents: Path | None
    ) -> None:
        self._client, self._house, self._clock, self._time, self._market = client, house, clock, time, market
        self._tasks = TaskGroup("diff-orders")
        self._intents, self._log = intents, IntentLog(None)
        self._unsettled: dict[str, list[InsertOrder]] = {}
        self._sending: dict[tuple[str, str], asyncio.Task[None]] = {}
        self.sent = self.refused = self.repeated = 0

    def start(self) -> None:
        """Read what former lives have left, begin to write."""
        if self._intents is not None:
            logs = sorted(self._intents.parent.glob(f"{self._intents.stem.rpartition('-')[0]}-*.jsonl"))
            self._unsettled = read_unsettled(logs)
            self._log = IntentLog(self._intents)

    async def stop(self) -> None:
        """Wait for nothing more: what was sent is known to the house. Idempotent."""
        await self._tasks.stop()
        self._log.close()

    def insert(self, user: TradingUser, request: InsertOrder, outlet: Outlet) -> None:
        """Send an order, once: a repeated id gets the true record of the first again, and is never sent."""
        key = (user.account, request.order_id)
        known = user.order_of(request.order_id)
        if known is not None or key in self._sending:
            self.repeated += 1
            if known is not None:
                outlet.add(user.order_patch(known))
            outlet.add(notices.notice(notices.ORDER_REPEATED, _REPEATED.format(request.order_id[:64]), level="WARNING"))
            return
        task = self._tasks.spawn(self._send(user, request, self._clock.now_ns()), "order")
        self._sending[key] = task
        task.add_done_callback(lambda _: self._sending.pop(key, None))

    def cancel(self, user: TradingUser, request: CancelOrder, outlet: Outlet) -> None:
        """Cancel an order; one that is finished or unknown is told so."""
        self._tasks.spawn(self._cancel(user, request.order_id, outlet), "cancel")

    def refuse(self, user: TradingUser, request: InsertOrder, text: str) -> None:
        """Finish an order that must not be sent any more, unless it is one that was sent before."""
        known = user.order_of(request.order_id)
        if known is not None:
            user.tell(user.order_patch(known))
            return
        self.refused += 1
        user.refuse(refused_record(request, user.user_name, self._time.now_ns(), text))

    def recall(self, user: TradingUser) -> None:
        """Learn from order management, which keeps them, of orders that never came to the exchange."""
        self._tasks.spawn(self._recall(user), "recall")

    async def _send(self, user: TradingUser, request: InsertOrder, since_ns: int) -> None:
        instrument = self._market.named(f"{request.exchange_id}.{request.instrument_id}")
        if instrument is None:
            self.refuse(user, request, refusal_text("INSTRUMENT_NOT_FOUND", ""))
            return
        try:
            asked = house_order(request, instrument)
            name = asked["client_order_id"]
            self._log.asked(name, intent_of(request, user.account, name), self._clock.now_ns())
            self._log.answered(name, await self._submit(user, asked, since_ns), self._clock.now_ns())
        except Refused as error:
            self._log.answered(client_order_id_of(request.order_id), error.reply, self._clock.now_ns())
            await self._explain(user, request, error)
        except TradepitError as error:
            self.refuse(user, request, refusal_text(error.reason_code, error.message))

    async def _submit(self, user: TradingUser, asked: dict[str, Any], since_ns: int) -> Reply:
        while True:
            try:
                reply = await self._client.submit(account=user.account, timestamp_ns=since_ns, **asked)
            except OutcomeUnknown as error:
                logger.warning("{} of {} is in doubt, asked again: {}", asked["client_order_id"], user.account, error)
                await self._clock.sleep(_AGAIN_S)
            else:
                self.sent += 1
                return reply

    async def _explain(self, user: TradingUser, request: InsertOrder, error: Refused) -> None:
        """A refusal: of an order the exchange knows, its own word counts (a report may have told it already)."""
        order = None
        while True:
            try:
                order = await self._house.order(user.account, client_order_id_of(request.order_id))
                break
            except TradepitError as failure:
                logger.debug("the exchange cannot be asked for an order: {}", failure)
                await self._clock.sleep(_AGAIN_S)
        if order is None:
            self.refuse(user, request, refusal_text(error.reason_code, error.message))
            return
        user.take_order(order)
        user.tell(user.order_patch(user.order_of(request.order_id) or {"order_id": request.order_id}))

    async def _cancel(self, user: TradingUser, order_id: str, outlet: Outlet) -> None:
        sending = self._sending.get((user.account, order_id))
        if sending is not None:
            await asyncio.wait({sending})
        order = user.orders.get(client_order_id_of(order_id))
        if order is None and sending is None:
            known = user.order_of(order_id)
            if known is not None:
                outlet.add(user.order_patch(known))
            outlet.add(notices.notice(notices.NO_SUCH_ORDER, _UNKNOWN_ORDER.format(order_id[:64]), level="WARNING"))
            return
        while True:
            try:
                await self._client.cancel(account=user.account, client_order_id=client_order_id_of(order_id))
            except OutcomeUnknown:
                await self._clock.sleep(_AGAIN_S)
            except TradepitError as error:
                text = f"撤单失败: {refusal_text(error.reason_code, error.message)}"
                outlet.add(notices.notice(notices.CANCEL_REFUSED, text, level="WARNING"))
                return
            else:
                return

    async def _recall(self, user: TradingUser) -> None:
        while True:
            try:
                reply = await self._client.call("orders", {"account": user.account})
            except TradepitError as error:
                logger.debug("order management cannot be asked for the orders of {}: {}", user.account, error)
                await self._clock.sleep(_AGAIN_S)
                continue
            told = reply.get("orders")
            rows = [row for row in told if row["client_order_id"] not in user.orders] if isinstance(told, list) else []
            for row in rows:
                instrument = self._market.instrument(row["symbol"])
                if row["status"] == "REJECTED" and instrument is not None:
                    self._remember(user, row, instrument)
            if not any(row["status"] in _UNDECIDED for row in rows):
                break
            await self._clock.sleep(_AGAIN_S)

        for request in self._unsettled.pop(user.account, []):
            if not await self._is_known(user, client_order_id_of(request.order_id)):
                self.refuse(user, request, NEVER_SENT)

    async def _is_known(self, user: TradingUser, client_order_id: str) -> bool:
        """Whether order management has an order, asked until it answers."""
        while client_order_id not in user.orders:
            try:
                reply = await self._client.call("orders", {"account": user.account, "client_order_id": client_order_id})
            except TradepitError:
                await self._clock.sleep(_AGAIN_S)
            else:
                return bool(reply.get("orders"))
        return True

    def _remember(self, user: TradingUser, row: dict[str, Any], instrument: Instrument) -> None:
        order_id = order_id_of(row["client_order_id"], row["reference"])
        if order_id in user.refused:
            return
        kind = {"LIMIT": ("GFD", "ANY"), "FOK": ("IOC", "ALL")}.get(row["type"], ("IOC", "ANY"))
        request = InsertOrder(
            order_id=order_id,
            exchange_id=instrument.product.exchange.value,
            instrument_id=instrument.symbol,
            direction="BUY" if row["direction"] == "LONG" else "SELL",
            offset=row["offset"],
            volume=row["volume"],
            price_type="ANY" if row["type"] == "MARKET" else "LIMIT",
            limit_price=float(Decimal(str(row["price"]))),
            time_condition=kind[0],
            volume_condition=kind[1],
        )
        # Order management dates by the machine's clock.
        at_ns = from_iso(row["datetime"]) + self._time.now_ns() - self._clock.now_ns()
        user.refuse(refused_record(request, user.user_name, at_ns, refusal_text(row["reason"], "")))
        logger.debug("{} {} was refused before: {}", contract_name(instrument), order_id, row["reason"])
