"""The doors of order management for risk people: trading states with a checklist, limits of scopes, dry evaluation of an order."""

from collections.abc import Awaitable, Callable, Iterator

import msgspec

from tradepit.ports.clock import Clock
from tradepit.services.flattening import Flattening
from tradepit.services.order_leader import OrderLeader
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import Side, TradingState
from tradepit.wire import order_controls as wire
from tradepit.wire.simulator import OrderRequest, StateRequest
from tradepit.wire.simulator_codec import decode, to_iso

_KINDS = ("account", "bot", "symbol", "reference")
_FLATTENED = ("global", "account", "symbol")
_LOOK_S = 0.01
_LONGEST_MS = 10_000
_MAX_REASON = 200
MakeIntent = Callable[[OrderRequest, Side, OrderLeader], Awaitable[OrderIntent]]


class OrderControls:
    """Methods by name; each raises NotActive where ``leader`` does. What is set is journaled before it is answered."""

    def __init__(self, leader: Callable[[], OrderLeader], make_intent: MakeIntent, clock: Clock) -> None:
        self._leader, self._make_intent, self._clock = leader, make_intent, clock
        self.methods: dict[str, Callable[[bytes], Awaitable[object]]] = {
            "set_state": self._set_state,
            "set_limits": self._set_limits,
            "get_limits": self._get_limits,
            "evaluate": self._evaluate,
        }

    async def _set_state(self, payload: bytes) -> object:
        leader = self._leader()
        request = decode(payload, StateRequest)
        kind = _kind_of(request.scope)
        try:
            state = TradingState(request.state)
        except ValueError as error:
            raise BadRequest("state must be ACTIVE, REDUCING or HALTED") from error
        if request.flatten and (state is not TradingState.HALTED or kind not in _FLATTENED):
            raise BadRequest("flatten goes with HALTED, and with global, account: and symbol: scopes")
        if not 0 <= request.wait_ms <= _LONGEST_MS:
            raise BadRequest("wait_ms is out of range", limit=_LONGEST_MS)
        until_ns = self._clock.monotonic_ns() + request.wait_ms * 1_000_000
        hit = await leader.set_state(request.scope, state, request.who[:64], request.reason[:_MAX_REASON])
        await self._wait(until_ns, lambda: not _still_working(leader, hit))
        flattening = Flattening(leader, request.scope)
        if request.flatten:
            await flattening.begin()
            await self._wait(until_ns, lambda: flattening.done)
        left = _still_working(leader, hit)
        checklist = wire.KillChecklist(
            state_set=leader.desk.exposure.states.get(request.scope, TradingState.ACTIVE) is state,
            orders_found=len(hit),
            cancelled=len(hit) - len(left),
            still_working=left,
            closing_orders=flattening.sent,
            flatten_refused=flattening.refused,
            positions_left=[
                wire.HeldData(account=account, symbol=symbol, long=long, short=short)
                for account, symbol, long, short in flattening.positions()
            ],
        )
        return wire.StateReply(scope=request.scope, state=state.value, cancelling=len(hit), checklist=checklist)

    async def _wait(self, until_ns: int, done: Callable[[], bool]) -> None:
        while not done() and self._clock.monotonic_ns() < until_ns:
            await self._clock.sleep(_LOOK_S)

    async def _set_limits(self, payload: bytes) -> object:
        leader = self._leader()
        request = decode(payload, wire.LimitsRequest)
        _kind_of(request.scope)
        if not request.who or not request.reason:
            raise BadRequest("who and reason must be told: they are kept with the limits")
        await leader.set_limits(request.scope, request.limits, request.who[:64], request.reason[:_MAX_REASON])
        [told] = self._told(leader, request.scope)
        return {"success": True, "scopes": [told]}

    async def _get_limits(self, payload: bytes) -> object:
        leader = self._leader()
        request = decode(payload, wire.LimitsQuery)
        if request.scope:
            _kind_of(request.scope)
        rules = {rule.name: msgspec.to_builtins(rule) for rule in leader.desk.limits.configured}
        return {"success": True, "configured": rules, "scopes": list(self._told(leader, request.scope))}

    @staticmethod
    def _told(leader: OrderLeader, scope: str) -> Iterator[wire.ScopeLimits]:
        for name, setting in sorted(leader.desk.limits.settings.items()):
            if scope not in ("", name):
                continue
            try:
                limits = msgspec.json.decode(setting.limits, type=dict[str, object])
            except msgspec.MsgspecError:
                limits = {}
            yield wire.ScopeLimits(
                scope=name,
                limits=limits,
                who=setting.who,
                reason=setting.reason,
                datetime=to_iso(setting.time_ns),
                readable=leader.desk.limits.is_readable(name),
            )

    async def _evaluate(self, payload: bytes) -> object:
        leader = self._leader()
        request = decode(payload, wire.EvaluateRequest)
        try:
            side = Side(request.side)
        except ValueError as error:
            raise BadRequest("side must be BUY or SELL") from error
        intent = await self._make_intent(request, side, leader)
        if request.bot:
            intent = msgspec.structs.replace(intent, bot=check_id(request.bot, "bot"))
        await leader.admit(intent.account)
        now_ns = self._clock.now_ns()
        refused, checked_at = leader.desk.evaluate(intent, now_ns), to_iso(now_ns)
        if refused is None:
            return wire.Evaluation(allowed=True, checked_at=checked_at)
        return wire.Evaluation(
            allowed=False,
            reason=refused.code,
            rule=refused.rule,
            limit=refused.limit,
            value=refused.value,
            message=refused.message,
            checked_at=checked_at,
        )


def _kind_of(scope: str) -> str:
    """The kind of a scope. Raises BadRequest and IdNotValid for what is none."""
    kind, _, name = scope.partition(":")
    if scope != "global" and (kind not in _KINDS or not name):
        raise BadRequest("scope must be global, account:<id>, bot:<id>, symbol:<code> or reference:<id>")
    if name:
        check_id(name, "scope")
    return kind


def _still_working(leader: OrderLeader, orders: list[Order]) -> list[str]:
    register = leader.desk.register
    keys = [(order.intent.account, order.client_order_id) for order in orders]
    return [key[1] for key in keys if key in register.working]
