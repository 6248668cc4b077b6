"""One step of an algorithm: given the time and perhaps a new snapshot, what is to be done now.

One child works at most. The next is sent only when the one before is settled: it cannot trade any more, and the trades its
reports tell of were all seen. So traded plus working lots never exceed the total, whatever is late, repeated or refused.
"""

from msgspec.structs import replace

from tradepit.trading.algos.actions import Action, CancelChild, Finished, SendChild
from tradepit.trading.algos.child import Child
from tradepit.trading.algos.params import SECOND_NS, EndPolicy
from tradepit.trading.algos.planning import due_slice, enter_slice
from tradepit.trading.algos.pricing import child_lots, market_open, next_terms
from tradepit.trading.algos.state import AlgoState, see
from tradepit.trading.algos.status import AlgoStatus
from tradepit.trading.algos.trading_time import elapsed_ns, is_trading, planned_ns
from tradepit.trading.model.terms import OrderType, Side
from tradepit.trading.model.tick import Tick

ASK_AGAIN_NS = 2 * SECOND_NS
Actions = tuple[Action, ...]


def step(state: AlgoState, now_ns: int, tick: Tick | None = None) -> Actions:
    """Advance to ``now_ns`` (UTC ns). Call it on every snapshot, after every report of a child, and about once a second.

    After the end too, while children may report: one that a dead predecessor had sent is cancelled, and what it traded is told
    by another Finished.
    """
    if tick is not None:
        see(state, tick, now_ns)
    _begin(state, now_ns)
    _settle(state, now_ns)
    if state.live:
        return tuple(action for each in state.live for action in _tend(state, state.children[each], now_ns))
    if state.status.over:
        return _finish(state)
    if state.plan.rejects >= state.params.max_rejects and state.status is not AlgoStatus.STOPPING:
        state.status, state.ending = AlgoStatus.STOPPING, AlgoStatus.FAILED
    return _idle(state, now_ns)


def _begin(state: AlgoState, now_ns: int) -> None:
    plan, quote = state.plan, state.quote
    if state.status is AlgoStatus.ACCEPTED and now_ns >= state.params.start_ns:
        state.status = AlgoStatus.RUNNING
    if state.status is not AlgoStatus.RUNNING or plan.volume_start >= 0 or not quote.number:
        return
    plan.volume_start = plan.volume_slice = plan.volume_child = quote.volume_lots
    if quote.bid_ticks and quote.ask_ticks and not state.tally.arrival_twice:
        state.tally.arrival_twice = quote.bid_ticks + quote.ask_ticks


def _settle(state: AlgoState, now_ns: int) -> None:
    """Let go of children that are settled; refused ones are counted until one is not."""
    plan = state.plan
    for client_order_id in [each for each in state.live if state.children[each].settled]:
        state.live.remove(client_order_id)
        child = state.children[client_order_id]
        state.next_id = max(state.next_id, child.next_id())
        plan.rejects = plan.rejects + 1 if child.refused else 0
        plan.passive_done = plan.passive_done or child.order_type is OrderType.LIMIT
        plan.retry_ns = now_ns + state.params.retry_ns if child.refused else now_ns


def _tend(state: AlgoState, child: Child, now_ns: int) -> Actions:
    if not child.acknowledged:
        # Its fate is learned by asking again under the same id, even when stopping: silence is not a refusal.
        if now_ns - child.asked_ns < ASK_AGAIN_NS:
            return ()
        child.asked_ns = now_ns
        return (_send(child),)
    if not _unwanted(state, child, now_ns) or (child.cancel_asked_ns and now_ns - child.cancel_asked_ns < ASK_AGAIN_NS):
        return ()
    child.cancel_asked_ns = now_ns
    return (CancelChild(client_order_id=child.client_order_id),)


def _unwanted(state: AlgoState, child: Child, now_ns: int) -> bool:
    params = state.params
    limit, price = params.limit_price_ticks, child.price_ticks
    return (
        state.status is not AlgoStatus.RUNNING
        or bool(state.wanted_total)
        or state.filled + state.working_lots > params.total_lots
        or (limit > 0 and (price > limit if params.side is Side.BUY else price < limit))
        or (child.order_type is OrderType.LIMIT and now_ns - child.sent_ns >= params.passive_ns)
        or _time_is_over(state, now_ns)
    )


def _time_is_over(state: AlgoState, now_ns: int) -> bool:
    """True when a child of an earlier slice is still there in the next one, or one sent after the end lasts too long."""
    if state.plan.ended_ns:
        return now_ns - state.plan.ended_ns >= state.params.interval_ns
    return due_slice(state, now_ns) >= 0 or _at_end(state, now_ns)


def _at_end(state: AlgoState, now_ns: int) -> bool:
    return elapsed_ns(state.params.windows, state.params.start_ns, now_ns) >= planned_ns(state.params)


def _idle(state: AlgoState, now_ns: int) -> Actions:
    """Nothing works: end, wait, or send the next child."""
    if state.wanted_total:
        state.params = replace(state.params, total_lots=max(state.wanted_total, state.filled))
        state.wanted_total = 0
    if not state.left_lots:
        return _finish(state, AlgoStatus.FINISHED)
    if state.status is AlgoStatus.STOPPING:
        return _finish(state, state.ending, state.reason)
    if state.left_lots < state.params.min_lots:
        return _finish(state, AlgoStatus.FINISHED, "REMAINDER_BELOW_MIN_LOTS")
    if _at_end(state, now_ns):
        return _complete(state, now_ns)
    if state.status is not AlgoStatus.RUNNING:
        return ()
    slice_no = due_slice(state, now_ns)
    if slice_no >= 0 and state.plan.volume_start >= 0:
        enter_slice(state, slice_no)
    return _next_child(state, state.plan.goal - state.filled, now_ns, passive_allowed=True)


def _complete(state: AlgoState, now_ns: int) -> Actions:
    """The end is reached: give the rest up, or cross for it as long as another slice would have taken."""
    plan, params = state.plan, state.params
    if not plan.ended_ns:
        plan.ended_ns, plan.tries, plan.quote_used = now_ns, 0, 0
    crossing = params.end_policy is EndPolicy.COMPLETE_AGGRESSIVE and state.status is AlgoStatus.RUNNING
    in_time = now_ns - plan.ended_ns < params.interval_ns and plan.tries < params.max_attempts
    if crossing and in_time and is_trading(params.windows, now_ns):
        return _next_child(state, state.left_lots, now_ns, passive_allowed=False)
    return _finish(state, AlgoStatus.FINISHED, "END_REACHED")


def _next_child(state: AlgoState, wanted: int, now_ns: int, *, passive_allowed: bool) -> Actions:
    plan, params, quote = state.plan, state.params, state.quote
    lots = child_lots(params, wanted, state.left_lots)
    if not lots or plan.tries >= params.max_attempts or now_ns < plan.retry_ns or not market_open(state, now_ns):
        return ()
    if plan.tries and quote.number == plan.quote_used:
        return ()  # The market has not shown what the last try left of it.
    order_type, price = next_terms(state, passive_allowed=passive_allowed)
    if not price:
        return ()
    child_id = state.next_id
    child = Child(
        child_id=child_id,
        client_order_id=child_id.text(params.algo_id),
        lots=lots,
        price_ticks=price,
        order_type=order_type,
        sent_ns=now_ns,
        asked_ns=now_ns,
    )
    state.add(child)
    plan.tries, plan.quote_used, plan.volume_child = plan.tries + 1, quote.number, quote.volume_lots
    return (_send(child),)


def _send(child: Child) -> SendChild:
    return SendChild(
        client_order_id=child.client_order_id,
        lots=child.lots,
        price_ticks=child.price_ticks,
        order_type=child.order_type,
        created_ns=child.sent_ns,
    )


def _finish(state: AlgoState, status: AlgoStatus | None = None, reason: str = "") -> Actions:
    if status is not None:
        state.status, state.reason = status, reason
    if state.reported:
        return ()
    state.reported = True
    report = Finished(
        algo_id=state.params.algo_id,
        status=state.status,
        filled_lots=state.filled,
        unfilled_lots=state.left_lots,
        reason=state.reason,
    )
    return (report,)
