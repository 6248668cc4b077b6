"""The life of an algorithm, step by step."""

from collections.abc import Callable

import pytest

from tradepit.trading.algos.actions import CancelChild, Finished, SendChild
from tradepit.trading.algos.params import SECOND_NS, AlgoParams, EndPolicy, Style
from tradepit.trading.algos.state import AlgoState, on_order, start
from tradepit.trading.algos.status import AlgoStatus
from tradepit.trading.algos.step import step
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import OrderStatus, OrderType, Side
from tradepit.trading.model.tick import Tick

MakeParams = Callable[..., AlgoParams]
MakeTick = Callable[..., Tick]
MakeOrder = Callable[..., Order]


def sent(state: AlgoState, now_ns: int, tick: Tick | None = None) -> SendChild:
    (action,) = step(state, now_ns, tick)
    assert isinstance(action, SendChild)
    state.children[action.client_order_id].trades_told = False
    return action


def ended(state: AlgoState, now_ns: int, tick: Tick | None = None) -> Finished:
    (action,) = step(state, now_ns, tick)
    assert isinstance(action, Finished)
    return action


def test_nothing_happens_before_the_start(make_params: MakeParams, make_tick: MakeTick, t0: int) -> None:
    state = start(make_params())
    assert step(state, t0 - 1, make_tick()) == ()
    assert [state.status] == [AlgoStatus.ACCEPTED]
    send = sent(state, t0, make_tick())
    assert [state.status] == [AlgoStatus.RUNNING]
    assert (send.client_order_id, send.lots, send.price_ticks, send.order_type) == ("algo-7-0-0", 10, 1001, OrderType.FAK)


def test_one_child_at_a_time_and_the_rest_of_a_slice_after_a_new_snapshot(
    make_params: MakeParams, make_tick: MakeTick, make_order: MakeOrder, t0: int
) -> None:
    state = start(make_params())
    first = sent(state, t0, make_tick())
    assert step(state, t0 + SECOND_NS, make_tick()) == ()
    on_order(state, make_order(first, OrderStatus.CANCELLED, 4))
    second = sent(state, t0 + SECOND_NS)
    assert (second.client_order_id, second.lots) == ("algo-7-1-0", 6)
    on_order(state, make_order(second, OrderStatus.CANCELLED, 1))
    assert step(state, t0 + SECOND_NS) == ()
    third = sent(state, t0 + 2 * SECOND_NS, make_tick())
    on_order(state, make_order(third, OrderStatus.CANCELLED, 0))
    assert step(state, t0 + 3 * SECOND_NS, make_tick()) == ()
    assert sent(state, t0 + 10 * SECOND_NS).lots == 10 + 1


def test_an_unanswered_child_is_asked_for_again_under_its_id(make_params: MakeParams, make_tick: MakeTick, t0: int) -> None:
    state = start(make_params())
    first = sent(state, t0, make_tick())
    assert step(state, t0 + 2 * SECOND_NS - 1, make_tick(ask=1002)) == ()
    assert sent(state, t0 + 2 * SECOND_NS) == first


def test_a_refused_piece_is_tried_again_as_the_next_attempt_until_it_fails(
    make_params: MakeParams, make_tick: MakeTick, make_order: MakeOrder, t0: int
) -> None:
    state = start(make_params(max_rejects=3, max_attempts=9))
    now = t0
    for attempt in range(3):
        send = sent(state, now, make_tick())
        assert send.client_order_id == f"algo-7-0-{attempt}"
        on_order(state, Order(intent=send.intent(state.params), status=OrderStatus.REJECTED, reason="POSITION_LIMIT"))
        if attempt < 2:
            assert step(state, now, make_tick()) == ()
        now += SECOND_NS
    end = ended(state, now)
    assert (end.status, end.filled_lots, end.reason) == (AlgoStatus.FAILED, 0, "POSITION_LIMIT")


def test_a_passive_child_rests_then_is_cancelled_then_crosses(
    make_params: MakeParams, make_tick: MakeTick, make_order: MakeOrder, t0: int
) -> None:
    state = start(make_params(style=Style.PASSIVE))
    first = sent(state, t0, make_tick())
    assert (first.order_type, first.price_ticks) == (OrderType.LIMIT, 999)
    on_order(state, make_order(first, OrderStatus.OPEN))
    assert step(state, t0 + 2 * SECOND_NS - 1) == ()
    assert step(state, t0 + 2 * SECOND_NS) == (CancelChild(client_order_id=first.client_order_id),)
    on_order(state, make_order(first, OrderStatus.CANCELLED, 7))
    second = sent(state, t0 + 2 * SECOND_NS, make_tick())
    assert (second.order_type, second.price_ticks, second.lots) == (OrderType.FAK, 1001, 3)


def test_a_child_left_from_the_slice_before_is_cancelled_first(
    make_params: MakeParams, make_tick: MakeTick, make_order: MakeOrder, t0: int
) -> None:
    state = start(make_params(style=Style.PASSIVE, passive_ns=60 * SECOND_NS))
    first = sent(state, t0, make_tick())
    on_order(state, make_order(first, OrderStatus.OPEN))
    assert step(state, t0 + 10 * SECOND_NS) == (CancelChild(client_order_id=first.client_order_id),)


def test_beyond_the_limit_it_waits(make_params: MakeParams, make_tick: MakeTick, t0: int) -> None:
    state = start(make_params(limit_price_ticks=1000))
    assert step(state, t0, make_tick()) == ()
    assert sent(state, t0 + SECOND_NS, make_tick(ask=1000)).price_ticks == 1000
    selling = start(make_params(limit_price_ticks=1000, side=Side.SELL))
    assert step(selling, t0, make_tick()) == ()
    assert sent(selling, t0, make_tick(bid=1000)).price_ticks == 1000


def test_the_end_gives_the_rest_up_or_crosses_for_it(
    make_params: MakeParams, make_tick: MakeTick, make_order: MakeOrder, t0: int
) -> None:
    end = t0 + 100 * SECOND_NS
    given_up = ended(start(make_params()), end, make_tick())
    assert (given_up.status, given_up.unfilled_lots, given_up.reason) == (AlgoStatus.FINISHED, 100, "END_REACHED")
    state = start(make_params(end_policy=EndPolicy.COMPLETE_AGGRESSIVE))
    send = sent(state, end, make_tick())
    assert send.lots == 100
    on_order(state, make_order(send, OrderStatus.OPEN))
    assert step(state, end + SECOND_NS) == ()
    on_order(state, make_order(send, OrderStatus.FILLED, 100))
    done = ended(state, end + SECOND_NS)
    assert (done.filled_lots, done.unfilled_lots, done.reason) == (100, 0, "")


def test_crossing_at_the_end_lasts_no_longer_than_a_slice(
    make_params: MakeParams, make_tick: MakeTick, make_order: MakeOrder, t0: int
) -> None:
    end = t0 + 100 * SECOND_NS
    state = start(make_params(end_policy=EndPolicy.COMPLETE_AGGRESSIVE, limit_price_ticks=1000))
    assert step(state, end, make_tick()) == ()
    assert ended(state, end + 10 * SECOND_NS, make_tick()).unfilled_lots == 100


def test_a_remainder_too_small_to_order_ends_it(
    make_params: MakeParams, make_tick: MakeTick, make_order: MakeOrder, t0: int
) -> None:
    state = start(make_params(total_lots=6, min_lots=4, duration_ns=10 * SECOND_NS))
    send = sent(state, t0, make_tick())
    assert send.lots == 6
    on_order(state, make_order(send, OrderStatus.CANCELLED, 5))
    assert ended(state, t0).reason == "REMAINDER_BELOW_MIN_LOTS"


@pytest.mark.parametrize("traded", [0, 2])
def test_a_predecessors_child_that_turns_up_after_the_end_is_cancelled_and_told(
    traded: int, make_params: MakeParams, make_tick: MakeTick, make_order: MakeOrder, t0: int
) -> None:
    lost = sent(start(make_params(style=Style.PASSIVE)), t0, make_tick())
    state = start(make_params())
    now = t0 + 100 * SECOND_NS
    assert ended(state, now).filled_lots == 0
    on_order(state, make_order(lost, OrderStatus.OPEN))
    assert step(state, now) == (CancelChild(client_order_id=lost.client_order_id),)
    on_order(state, make_order(lost, OrderStatus.CANCELLED, traded))
    actions = step(state, now)
    assert [action.filled_lots for action in actions if isinstance(action, Finished)] == ([traded] if traded else [])
