"""Prices inside the limit, whole lots, open markets."""

from collections.abc import Callable

import pytest

from tradepit.trading.algos.params import SECOND_NS, AlgoParams, Style
from tradepit.trading.algos.pricing import aggressive_price, child_lots, market_open, next_terms, passive_price
from tradepit.trading.algos.state import see, start
from tradepit.trading.model.terms import OrderType, SessionPhase, Side
from tradepit.trading.model.tick import Tick

MakeParams = Callable[..., AlgoParams]
MakeTick = Callable[..., Tick]


@pytest.mark.parametrize(
    ("side", "limit", "crossing", "joining"),
    [
        (Side.BUY, 0, 1001, 999),
        (Side.BUY, 1001, 1001, 999),
        (Side.BUY, 1000, 0, 999),
        (Side.BUY, 990, 0, 990),
        (Side.SELL, 0, 999, 1001),
        (Side.SELL, 999, 999, 1001),
        (Side.SELL, 1000, 0, 1001),
        (Side.SELL, 1010, 0, 1010),
    ],
)
def test_no_price_lies_beyond_the_limit(
    side: Side, limit: int, crossing: int, joining: int, make_params: MakeParams, make_tick: MakeTick, t0: int
) -> None:
    state = start(make_params(side=side, limit_price_ticks=limit))
    see(state, make_tick(), t0)
    assert (aggressive_price(state), passive_price(state)) == (crossing, joining)
    see(state, make_tick(bid=0, ask=0), t0)
    assert (aggressive_price(state), passive_price(state)) == (0, 0)


def test_passive_comes_first_once_per_slice(make_params: MakeParams, make_tick: MakeTick, t0: int) -> None:
    state = start(make_params(style=Style.PASSIVE))
    see(state, make_tick(), t0)
    assert next_terms(state, passive_allowed=True) == (OrderType.LIMIT, 999)
    assert next_terms(state, passive_allowed=False) == (OrderType.FAK, 1001)
    state.plan.passive_done = True
    assert next_terms(state, passive_allowed=True) == (OrderType.FAK, 1001)
    state.plan.passive_done = False
    see(state, make_tick(bid=0), t0)
    assert next_terms(state, passive_allowed=True) == (OrderType.FAK, 1001)


def test_without_fak_orders_a_limit_order_takes_the_opposite_price(make_params: MakeParams, make_tick: MakeTick, t0: int) -> None:
    state = start(make_params(immediate=False))
    see(state, make_tick(), t0)
    assert next_terms(state, passive_allowed=False) == (OrderType.LIMIT, 1001)


@pytest.mark.parametrize(
    ("wanted", "left", "lots"), [(3, 20, 0), (4, 20, 4), (4, 7, 7), (4, 8, 4), (9, 30, 9), (15, 30, 10), (-1, 9, 0), (9, 3, 0)]
)
def test_a_child_is_neither_too_small_nor_leaves_too_little(wanted: int, left: int, lots: int, make_params: MakeParams) -> None:
    assert child_lots(make_params(min_lots=4, max_lots=10), wanted, left) == lots


def test_orders_need_continuous_trading_and_a_fresh_quote(make_params: MakeParams, make_tick: MakeTick, t0: int) -> None:
    state = start(make_params())
    assert not market_open(state, t0)
    see(state, make_tick(), t0)
    assert market_open(state, t0 + 10 * SECOND_NS)
    assert not market_open(state, t0 + 10 * SECOND_NS + 1)
    assert not market_open(state, t0 - 1)
    see(state, make_tick(phase=SessionPhase.BREAK), t0)
    assert not market_open(state, t0)
