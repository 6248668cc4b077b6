"""A client for risk people: limits, states, evaluation and audit by way of order management, and halts that need nobody to answer."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import msgspec
from loguru import logger

from tradepit.ports.bus import Bus
from tradepit.ports.clock import Clock
from tradepit.runtime.halt_box import HaltBox
from tradepit.runtime.ids import new_id
from tradepit.runtime.order_client import OrderClient, RetryPolicy
from tradepit.trading.model.errors import (
    BadRequest,
    HaltPending,
    InternalError,
    OutcomeUnknown,
    RequestRefused,
    TradepitError,
    Unavailable,
)
from tradepit.trading.model.terms import TradingState
from tradepit.wire.order_controls import HaltStanding, StateReply
from tradepit.wire.simulator import StateRequest

Reply = dict[str, Any]
_LOOK_S, _BEYOND_S, _RESUME_MS = 0.01, 0.25, 1_000
_ASK = RetryPolicy(deadline_s=5.0, attempt_timeout_s=1.0)


class RiskClient:
    """Every change carries a key, so that asking again is harmless. Raises Refused (final), OutcomeUnknown (ask again), BadRequest.

    A halt is put into the box before anybody is asked: from then on it holds, whatever dies. The bus is the faster way to the
    checklist, not the only way to order management.
    """

    def __init__(self, bus: Bus, box: HaltBox, clock: Clock, *, policy: RetryPolicy = _ASK) -> None:
        self._bus, self._box, self._clock = bus, box, clock
        self._orders = OrderClient(bus, clock, policy=policy)

    async def ask(self, method: str, body: Mapping[str, object]) -> Reply:
        """``get_limits``, ``set_limits``, ``evaluate``, ``audit``."""
        return await self._orders.call(method, body)

    async def waiting(self) -> list[StateRequest]:
        """Halts in the box that nobody has carried out yet, oldest first. Needs nobody to answer."""
        return await asyncio.to_thread(self._box.pending)

    async def resume(self, scope: str, *, who: str, reason: str, key: str = "") -> Reply:
        """Let a scope trade again. Raises HaltPending while a halt of it has not been carried out."""
        if any(wish.scope == scope for wish in await self.waiting()):
            raise HaltPending(scope=scope)
        wish = StateRequest(
            scope=scope, state=TradingState.ACTIVE.value, who=who, reason=reason, key=key or new_id("R"), wait_ms=_RESUME_MS
        )
        with contextlib.suppress(TradepitError):
            await self._bus.connect()
        try:
            return await self._orders.call("set_state", _body(wish))
        except (Unavailable, OutcomeUnknown):
            # An order writer without a door on the bus (the broker connect's) looks into the box alone.
            reply = await self._by_the_box(wish)
            if reply is None:
                raise
            return msgspec.convert(msgspec.to_builtins(reply), Reply)

    async def _by_the_box(self, wish: StateRequest) -> StateReply | None:
        """What came of a wish that lies in the box no longer than this waits."""
        await asyncio.to_thread(self._box.put, wish, self._clock.now_ns())
        until_ns = self._clock.monotonic_ns() + wish.wait_ms * 1_000_000
        while self._box.answered(wish.key) is None and self._clock.monotonic_ns() < until_ns:
            await self._clock.sleep(_LOOK_S)
        await asyncio.to_thread(self._box.take_back, wish)
        # Carried out at the last moment it is answered now, or will be in one.
        await self._clock.sleep(_LOOK_S * 10)
        return self._box.answered(wish.key)

    async def halt(self, wish: StateRequest) -> HaltStanding:
        """Halt, or let a scope only reduce; what came of it within ``wait_ms``. Raises Refused, BadRequest, DuplicateId, and Unavailable
        when the halt could be kept nowhere.
        """
        if wish.state not in (TradingState.HALTED.value, TradingState.REDUCING.value):
            raise BadRequest("a halt is HALTED or REDUCING", state=wish.state[:16])
        wish = wish if wish.key else msgspec.structs.replace(wish, key=new_id("H"))
        persisted = await self._persist(wish)
        asking = asyncio.ensure_future(self._ask_to_halt(wish))
        until_ns = self._clock.monotonic_ns() + int((wish.wait_ms / 1e3 + _BEYOND_S) * 1e9)
        reply: StateReply | None = None
        while reply is None and self._clock.monotonic_ns() < until_ns:
            await self._clock.sleep(_LOOK_S)
            if asking.done():
                reply = await self._answer_of(asking, wish, persisted=persisted)
                if not persisted:
                    break
            if reply is None and persisted:
                reply = self._box.answered(wish.key)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        if reply is None and not persisted:
            raise Unavailable("the halt could be kept nowhere, and nobody answers", scope=wish.scope)
        return HaltStanding(key=wish.key, persisted=persisted, applied=reply is not None, reply=reply)

    async def _persist(self, wish: StateRequest) -> bool:
        try:
            await asyncio.to_thread(self._box.put, wish, self._clock.now_ns())
        except OSError as error:
            logger.error("the halt box cannot be written to: {}", error)
            return False
        return True

    async def _ask_to_halt(self, wish: StateRequest) -> StateReply:
        wait_s = wish.wait_ms / 1e3 + _BEYOND_S
        policy = RetryPolicy(deadline_s=wait_s, attempt_timeout_s=wait_s)
        await self._bus.connect()
        reply = await OrderClient(self._bus, self._clock, policy=policy).call("set_state", _body(wish))
        try:
            return msgspec.convert(reply, StateReply)
        except msgspec.ValidationError as error:
            raise InternalError("the answer cannot be read") from error

    async def _answer_of(self, asking: "asyncio.Future[StateReply]", wish: StateRequest, *, persisted: bool) -> StateReply | None:
        try:
            reply = asking.result()
        except RequestRefused:
            if persisted:
                await asyncio.to_thread(self._box.put_aside, wish)
            raise
        except TradepitError as error:
            logger.debug("nobody answers to the halt yet: {}", error)
            return None
        if persisted:
            await asyncio.to_thread(self._box.answer, wish, reply)
        return reply


def _body(wish: StateRequest) -> Reply:
    return {name: getattr(wish, name) for name in wish.__struct_fields__}
