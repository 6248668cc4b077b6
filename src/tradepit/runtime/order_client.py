"""A client of order management: every order has an id, every retry carries the same one, so no retry can double an order."""

import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from tradepit.ports.bus import Bus
from tradepit.ports.clock import Clock
from tradepit.runtime.ids import new_id
from tradepit.trading.model.errors import (
    BadRequest,
    InternalError,
    JournalClosed,
    JournalConflict,
    NotActive,
    OutcomeUnknown,
    RequestRefused,
    StaleEpoch,
    TimedOut,
    TradepitError,
    Unavailable,
)
from tradepit.wire.simulator import ORDER_MANAGEMENT, rpc_subject
from tradepit.wire.simulator_codec import encode

Reply = dict[str, object]
_LONGEST_S = 3_600
_SHORT_ATTEMPTS = 3
_METHODS = {"BUY": "buy", "SELL": "sell"}
_IDS = {
    "buy": ("client_order_id", "C"),
    "sell": ("client_order_id", "C"),
    "place": ("client_order_id", "C"),
    "algo_order": ("algo_id", "ALGO"),
}
_RETRIED = frozenset(
    kind.code
    for kind in (NotActive, OutcomeUnknown, Unavailable, TimedOut, InternalError, StaleEpoch, JournalConflict, JournalClosed)
)


class Refused(RequestRefused):
    """Order management refused the request."""

    code = "REFUSED"

    def __init__(self, reply: Mapping[str, object]) -> None:
        super().__init__(str(reply.get("message", "")) or None)
        self.reply = dict(reply)

    @property
    def reason_code(self) -> str:
        return str(self.reply.get("error", self.code))


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How long to go on asking: attempts with growing pauses (seconds, with jitter), never beyond ``deadline_s`` in all.

    An attempt is short because asking again is harmless: the order manager takes up a request it already works on, and a paused
    former leader would keep a patient client waiting long after another one serves.
    """

    deadline_s: float = 5.0
    attempt_timeout_s: float = 0.2
    first_pause_s: float = 0.01
    factor: float = 1.6
    longest_pause_s: float = 0.25
    jitter: float = 0.2

    def __post_init__(self) -> None:
        times = (self.deadline_s, self.attempt_timeout_s, self.first_pause_s, self.longest_pause_s)
        if not all(0 < seconds <= _LONGEST_S for seconds in times):
            raise ValueError(f"times must be above 0 and at most {_LONGEST_S} s")
        if not (1 <= self.factor <= _LONGEST_S and 0 <= self.jitter < 1):
            raise ValueError("factor must be at least 1, jitter at least 0 and below 1")


class OrderClient:
    """Requests to ``rpc.order-management.*``.

    Only answers that say "ask again" are retried: NOT_ACTIVE, no listener, no answer in time, outcome unknown. A refusal is
    final. When the deadline passes the outcome may still be unknown: OutcomeUnknown is raised, and asking again later with the
    same id is safe.
    """

    def __init__(self, bus: Bus, clock: Clock, *, policy: RetryPolicy | None = None, seed: int | None = None) -> None:
        self._bus, self._clock = bus, clock
        self._policy = policy or RetryPolicy()
        self._chance = random.Random(seed)  # noqa: S311 - spreads retries, guards nothing
        self.retries = 0

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
    ) -> Reply:
        """Send one order; ``side`` is BUY or SELL and nothing else.

        Raises Refused (final), BadRequest, and OutcomeUnknown when the deadline passed: its details carry the id to ask again with.
        """
        method = _METHODS.get(side)
        if method is None:
            raise BadRequest("side must be BUY or SELL", side=side[:16])
        body = {
            "symbol": symbol,
            "price": price,
            "volume": volume,
            "account": account,
            "offset": offset,
            "type": order_type,
            "client_order_id": client_order_id,
            "reference": reference,
            "timestamp": timestamp_ns,
        }
        return await self.call(method, body)

    async def cancel(self, *, account: str, client_order_id: str = "", orderid: str = "") -> Reply:
        """Cancel by either id; a finished order's state is the answer. Raises Refused, OutcomeUnknown."""
        return await self.call("cancel", {"account": account, "client_order_id": client_order_id, "orderid": orderid})

    async def call(self, method: str, body: Mapping[str, object]) -> Reply:
        """Any method with the retry rules of this client. A new order or algorithm without an id gets one before it is first sent:
        a service that had to invent it would take every retry for another one.
        """
        field, prefix = _IDS.get(method, ("", ""))
        if field and not body.get(field) and body.get("action", "start") == "start":
            body = {**body, field: new_id(prefix)}
        asked: dict[str, Any] = {field: body[field]} if body.get(field) else {}
        policy, payload = self._policy, _encode(body)
        deadline_ns = self._clock.monotonic_ns() + int(policy.deadline_s * 1e9)
        pause_s, attempt_s, unanswered, last = policy.first_pause_s, policy.attempt_timeout_s, 0, "no attempt"
        while True:
            left_s = (deadline_ns - self._clock.monotonic_ns()) / 1e9
            if left_s <= 0:
                raise OutcomeUnknown(method=method, last=last, **asked)
            try:
                timeout_s = min(attempt_s, left_s)
                reply = self._read(await self._bus.request(rpc_subject(ORDER_MANAGEMENT, method), payload, timeout_s=timeout_s))
            except TradepitError as error:
                if error.reason_code not in _RETRIED:
                    raise
                last = error.reason_code
                self.retries += 1
            else:
                return reply
            left_s = max(0.0, (deadline_ns - self._clock.monotonic_ns()) / 1e9)
            await self._clock.sleep(min(left_s, pause_s * self._chance.uniform(1 - policy.jitter, 1 + policy.jitter)))
            pause_s = min(policy.longest_pause_s, pause_s * policy.factor)
            unanswered += last == TimedOut.code
            if unanswered > _SHORT_ATTEMPTS:
                # Nobody was paused, the house is slow: asking as often as before would make it slower.
                attempt_s *= policy.factor

    def _read(self, payload: bytes) -> Reply:
        try:
            reply = msgspec.json.decode(payload, type=dict[str, object])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InternalError("the answer cannot be read") from error
        code = str(reply.get("error") or "")
        if not code:
            return reply
        if code in _RETRIED:
            raise Unavailable(str(reply.get("message", "")), code=code)
        raise Refused(reply)


def _encode(body: Mapping[str, object]) -> bytes:
    try:
        return encode(body)
    except UnicodeEncodeError as error:
        # Bytes on a command line that are no UTF-8 arrive here as lone surrogates.
        raise BadRequest("text that is no Unicode cannot be sent") from error
