"""The kill switch: a scope's state is set, its orders are cancelled, its positions closed on demand; a checklist says how far that came."""

from collections.abc import Callable

from tradepit.ports.clock import Clock
from tradepit.services.flattening import Flattening
from tradepit.services.order_leader import OrderLeader
from tradepit.trading.model.errors import BadRequest, DuplicateId
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import TradingState
from tradepit.trading.risk.exposure import scopes_of
from tradepit.wire.order_controls import HeldData, KillChecklist, StateReply
from tradepit.wire.simulator import StateRequest

_KINDS = ("account", "bot", "symbol", "reference")
_FLATTENED = ("global", "account", "symbol")
_LOOK_S = 0.01
_LONGEST_MS = 10_000
MAX_REASON = 200


class KillSwitch:
    """Sets states under a leader. A request with a key counts once: told again, it is asked how far it has come.

    Not ``flattens``: the house does not know all that the account holds, and closes nothing.
    """

    def __init__(self, clock: Clock, *, flattens: bool = True) -> None:
        self._clock, self._flattens = clock, flattens

    async def throw(self, leader: OrderLeader, request: StateRequest) -> StateReply:
        """Carry out a request. Raises BadRequest, IdNotValid, DuplicateId (its key was another request's), NotActive."""
        until_ns = self._clock.monotonic_ns() + request.wait_ms * 1_000_000
        hit = await self.set(leader, request)
        state = TradingState(request.state)
        await self._wait(until_ns, lambda: not _still_working(leader, hit))
        flattening = Flattening(leader, request.scope)
        if request.flatten and not self._flattens:
            flattening.refused.append(f"{request.scope}: what is held is not known here")
        elif request.flatten:
            await flattening.begin()
            await self._wait(until_ns, lambda: flattening.done)
        left = _still_working(leader, hit)
        checklist = KillChecklist(
            state_set=leader.desk.exposure.states.get(request.scope, TradingState.ACTIVE) is state,
            orders_found=len(hit),
            cancelled=len(hit) - len(left),
            still_working=left,
            closing_orders=flattening.sent,
            flatten_refused=flattening.refused,
            positions_left=[
                HeldData(account=account, symbol=symbol, long=long, short=short)
                for account, symbol, long, short in flattening.positions()
            ],
        )
        return StateReply(scope=request.scope, state=state.value, cancelling=len(hit), checklist=checklist)

    @staticmethod
    async def set(leader: OrderLeader, request: StateRequest) -> list[Order]:
        """The first half: from here on no order passes, and those returned are being cancelled. Raises as ``throw``."""
        state = _state_of(request)
        known = leader.desk.audit.find(request.key)
        if known is None:
            return await leader.set_state(request.scope, state, request.who[:64], request.reason[:MAX_REASON], request.key)
        if (known.action, known.scope, known.after) != ("set_state", request.scope, state.value):
            raise DuplicateId(key=request.key)
        await leader.write()
        working = leader.desk.register.working.values()
        return [order for order in working if state is TradingState.HALTED and request.scope in scopes_of(order.intent)]

    async def _wait(self, until_ns: int, done: Callable[[], bool]) -> None:
        while not done() and self._clock.monotonic_ns() < until_ns:
            await self._clock.sleep(_LOOK_S)


def kind_of(scope: str) -> str:
    """The kind of a scope. Raises BadRequest and IdNotValid for what is none."""
    kind, _, name = scope.partition(":")
    if scope != "global" and (kind not in _KINDS or not name):
        raise BadRequest("scope must be global, account:<id>, bot:<id>, symbol:<code> or reference:<id>")
    if name:
        check_id(name, "scope")
    return kind


def _state_of(request: StateRequest) -> TradingState:
    kind = kind_of(request.scope)
    try:
        state = TradingState(request.state)
    except ValueError as error:
        raise BadRequest("state must be ACTIVE, REDUCING or HALTED") from error
    if request.flatten and (state is not TradingState.HALTED or kind not in _FLATTENED):
        raise BadRequest("flatten goes with HALTED, and with global, account: and symbol: scopes")
    if not 0 <= request.wait_ms <= _LONGEST_MS:
        raise BadRequest("wait_ms is out of range", limit=_LONGEST_MS)
    if request.key:
        check_id(request.key, "key")
    return state


def _still_working(leader: OrderLeader, orders: list[Order]) -> list[str]:
    register = leader.desk.register
    keys = [(order.intent.account, order.client_order_id) for order in orders]
    return [key[1] for key in keys if key in register.working]
