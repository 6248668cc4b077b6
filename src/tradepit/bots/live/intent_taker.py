"""Bots' orders as intents on the bot platform's topics: published, then waited for until the trade executor says what came of them."""

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal

from loguru import logger

from tradepit.bots.identity import order_prefix, sequence_of
from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.runtime.order_taker import OrderTaker
from tradepit.trading.model.errors import BadRequest, OutcomeUnknown, RequestRefused, TradepitError
from tradepit.trading.model.terms import OrderType, Side
from tradepit.wire import platform as wire
from tradepit.wire.platform_codec import encode, read_event
from tradepit.wire.platform_orders import OFFSET
from tradepit.wire.tq import DETAIL_HEADER

Key = tuple[str, str]
OnRefusal = Callable[[str, str, str], None]
_HEADERS = {wire.CONTENT_TYPE: wire.Encoding.JSON.value}
_TIMES = {OrderType.LIMIT: "DAY", OrderType.MARKET: "", OrderType.FAK: "IOC", OrderType.FOK: "FOK"}
# An intent goes stale before its sender begins to ask what became of it: from then on it cannot be taken any more.
_LIVES = 0.8


class IntentRefused(RequestRefused):
    """The trade executor refused the intent."""

    code = "REFUSED"

    def __init__(self, reason: str, why: str = "") -> None:
        super().__init__(f"the intent was refused: {reason}" + (f" ({why})" if why else ""))
        self._reason = reason

    @property
    def reason_code(self) -> str:
        return self._reason or self.code


class IntentTaker:
    """Implements ``runtime.order_taker.OrderTaker``; what is no new order goes to ``questions`` (order management's own doors).

    An intent has its order's id, so publishing it again is harmless; it expires after 0.8 × ``resend_s``. ``timeout_s`` is how long
    one publication waits for its outcome. A refusal after an acknowledgement (the exchange never got the order) is told to whoever
    started this.
    """

    def __init__(self, bus: Bus, questions: OrderTaker, clock: Clock, *, timeout_s: float, resend_s: float) -> None:
        self._bus, self._questions, self._clock = bus, questions, clock
        self._timeout_s, self._lives_ns = timeout_s, int(resend_s * _LIVES * 1e9)
        self._waiting: dict[Key, asyncio.Future[None]] = {}
        self._subscription: Subscription | None = None
        self._on_refusal: OnRefusal | None = None
        self.unreadable = 0

    async def start(self, on_refusal: OnRefusal) -> None:
        """Listen; ``on_refusal`` (account, id, code) hears of refusals that nobody waits for. Raises Unavailable."""
        self._on_refusal = on_refusal
        self._subscription = await self._bus.subscribe(wire.ORDER_EVENTS, self._hear)

    async def stop(self) -> None:
        """Listen no more. Idempotent."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.stop()

    async def submit(
        self,
        *,
        side: str,
        symbol: str,
        price: Decimal | None,
        volume: int,
        account: str,
        offset: str = "OPEN",
        order_type: str = "LIMIT",
        client_order_id: str = "",
        reference: str = "",
        timestamp_ns: int = 0,
    ) -> dict[str, object]:
        """Publish the order as an intent of the bot ``reference``. Raises IntentRefused, BadRequest, OutcomeUnknown, Unavailable."""
        key, kind = (account, client_order_id), OrderType(order_type)
        if kind not in _TIMES:
            raise BadRequest("intents know no such order type", type=order_type)
        intent = wire.OrderIntent(
            intent_id=client_order_id,
            bot_id=reference,
            account_id=account,
            symbol=symbol,
            side=Side(side),
            quantity=volume,
            limit_price=price,
            type=wire.IntentType.LIMIT if kind.priced else wire.IntentType.MARKET,
            time_in_force=_TIMES[kind],
            expires_at_ns=timestamp_ns + self._lives_ns if timestamp_ns else 0,
            sequence=sequence_of(order_prefix(reference, account), client_order_id),
            annotations={OFFSET: offset},
        )
        outcome = self._waiting.get(key) or asyncio.get_running_loop().create_future()
        self._waiting[key] = outcome
        try:
            topic = wire.intent_topic(account, reference)
            headers = _HEADERS | {wire.KEY_HEADER: account}
            await self._bus.publish(topic, encode(intent), message_id=f"intent-{account}-{client_order_id}", headers=headers)
            await asyncio.wait_for(asyncio.shield(outcome), self._timeout_s)
        except TimeoutError as error:
            raise OutcomeUnknown(client_order_id=client_order_id) from error
        finally:
            self._waiting.pop(key, None)
        return {"success": True, "client_order_id": client_order_id, "status": "acknowledged"}

    async def cancel(self, *, account: str, client_order_id: str = "", orderid: str = "") -> dict[str, object]:
        """Cancel one order, at order management."""
        return await self._questions.cancel(account=account, client_order_id=client_order_id, orderid=orderid)

    async def call(self, method: str, body: Mapping[str, object]) -> dict[str, object]:
        """Any other method of order management."""
        return await self._questions.call(method, body)

    async def _hear(self, message: Message) -> None:
        try:
            told = read_event(message.payload, topic=message.subject, headers=message.headers)
        except TradepitError as error:
            self.unreadable += 1
            logger.warning("an order event cannot be read: {}", error)
            return
        event = told.event
        outcome = self._waiting.get((told.account_id, event.intent_id))
        refused = event.reason if isinstance(event, wire.OrderRejection) else None
        if outcome is not None and not outcome.done():
            if refused is None:
                outcome.set_result(None)
            else:
                outcome.set_exception(IntentRefused(refused, message.headers.get(DETAIL_HEADER, "")))
                outcome.exception()  # whoever waited may have gone away
        elif refused is not None and self._on_refusal is not None:
            self._on_refusal(told.account_id, event.intent_id, refused)
