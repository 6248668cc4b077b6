"""The doors of order management for risk people: trading states, limits of scopes, their audit, dry evaluation of an order."""

from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import Any

import msgspec

from tradepit.ports.clock import Clock
from tradepit.services.kill_switch import MAX_REASON, KillSwitch, kind_of
from tradepit.services.order_leader import OrderLeader
from tradepit.trading.model.errors import BadRequest, DuplicateId, RevisionConflict
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Side
from tradepit.trading.orders.audit import AuditRow
from tradepit.wire import order_controls as wire
from tradepit.wire.simulator import OrderRequest, StateRequest
from tradepit.wire.simulator_codec import decode, to_iso

_MOST_ROWS = 1_000
MakeIntent = Callable[[OrderRequest, Side, OrderLeader], Awaitable[OrderIntent]]


class OrderControls:
    """Methods by name; each raises NotActive where ``leader`` does. What is set is journaled before it is answered."""

    def __init__(self, leader: Callable[[], OrderLeader], make_intent: MakeIntent, clock: Clock) -> None:
        self._leader, self._make_intent, self._clock = leader, make_intent, clock
        self._switch = KillSwitch(clock)
        self.methods: dict[str, Callable[[bytes], Awaitable[object]]] = {
            "set_state": self._set_state,
            "set_limits": self._set_limits,
            "get_limits": self._get_limits,
            "evaluate": self._evaluate,
            "audit": self._audit,
        }

    async def _set_state(self, payload: bytes) -> object:
        return await self._switch.throw(self._leader(), decode(payload, StateRequest))

    async def _set_limits(self, payload: bytes) -> object:
        leader = self._leader()
        request = decode(payload, wire.LimitsRequest)
        kind_of(request.scope)
        if not request.who or not request.reason:
            raise BadRequest("who and reason must be told: they are kept with the limits")
        if request.key:
            check_id(request.key, "key")
        known = leader.desk.audit.find(request.key)
        if known is None:
            await self._change(leader, request)
        elif (known.action, known.scope) != ("set_limits", request.scope):
            raise DuplicateId(key=request.key)
        else:
            await leader.write()
        return {"success": True, "scopes": list(self._told(leader, request.scope))}

    @staticmethod
    async def _change(leader: OrderLeader, request: wire.LimitsRequest) -> None:
        revision = leader.desk.limits.revision_of(request.scope)
        if request.revision is not None and request.revision != revision:
            raise RevisionConflict(scope=request.scope, revision=revision, told=request.revision)
        await leader.set_limits(request.scope, request.limits, request.who[:64], request.reason[:MAX_REASON], request.key)

    async def _get_limits(self, payload: bytes) -> object:
        leader = self._leader()
        request = decode(payload, wire.LimitsQuery)
        if request.scope:
            kind_of(request.scope)
        rules = {rule.name: msgspec.to_builtins(rule) for rule in leader.desk.limits.configured}
        states = {scope: state.value for scope, state in sorted(leader.desk.exposure.states.items())}
        scopes = list(self._told(leader, request.scope))
        return wire.LimitsReply(configured=rules, scopes=scopes, states=states)

    async def _audit(self, payload: bytes) -> object:
        leader = self._leader()
        request = decode(payload, wire.AuditQuery)
        if request.scope:
            kind_of(request.scope)
        if not (0 < request.limit <= _MOST_ROWS and request.after >= 0):
            raise BadRequest("limit or after is out of range", limit=_MOST_ROWS)
        trail = leader.desk.audit
        chosen = list(islice(trail.after(request.after, request.scope), request.limit))
        rows = [wire.AuditData(datetime=to_iso(row.time_ns), **_fields_of(row)) for row in chosen]
        return wire.AuditReply(rows=rows, total=trail.total)

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
                revision=setting.revision,
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


def _fields_of(row: AuditRow) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(row).items() if name != "time_ns"}
