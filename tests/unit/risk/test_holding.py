"""Lots, working orders and the worst they can become."""

from collections.abc import Callable

import pytest

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset, Side
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.holding import Holding, Leg


def test_fifo_closes_take_history_first_and_named_ones_their_bucket(
    make_intent: Callable[..., OrderIntent], make_trade: Callable[..., Trade]
) -> None:
    for rule, offset, left in (
        (CloseRule.FIFO, Offset.CLOSE, (3, 0)),
        (CloseRule.FIFO, Offset.CLOSETODAY, (3, 0)),
        (CloseRule.NAMED, Offset.CLOSE, (3, 0)),
        (CloseRule.NAMED, Offset.CLOSETODAY, (1, 2)),
    ):
        holding = Holding(close_rule=rule, long=Leg(today=3, yesterday=2))
        holding.move(make_trade(make_intent(side=Side.SELL, offset=offset), 2))
        assert (holding.long.today, holding.long.yesterday) == left


def test_a_net_fill_takes_the_other_side_first(make_intent: Callable[..., OrderIntent], make_trade: Callable[..., Trade]) -> None:
    holding = Holding(close_rule=CloseRule.NET, short=Leg(today=2))
    holding.move(make_trade(make_intent(side=Side.BUY, offset=Offset.NET), 5))
    assert (holding.long.lots, holding.short.lots, holding.net) == (3, 0, 3)


@pytest.mark.parametrize(
    ("side", "offset", "lots", "worst"),
    [
        (Side.BUY, Offset.OPEN, 1, 5 + 3 + 1),
        (Side.BUY, Offset.CLOSE, 2, 5 + 3 + 0),
        (Side.BUY, Offset.NET, 4, 5 + 3 + 2),
        (Side.SELL, Offset.OPEN, 1, 4 + 0 + 1),
        (Side.SELL, Offset.CLOSE, 9, 4 + 0 + 5),
    ],
)
def test_the_worst_case_counts_every_working_order(side: Side, offset: Offset, lots: int, worst: int) -> None:
    holding = Holding(
        close_rule=CloseRule.FIFO,
        long=Leg(today=5, opening=3, closing_other=1),
        short=Leg(today=4, closing_other=2),
    )
    assert holding.worst_after(side, offset, lots) == worst


@pytest.mark.parametrize(
    ("side", "offset", "lots", "reduces"),
    [
        (Side.SELL, Offset.CLOSE, 3, True),
        (Side.SELL, Offset.CLOSE, 4, False),
        (Side.SELL, Offset.NET, 3, True),
        (Side.SELL, Offset.OPEN, 1, False),
        (Side.BUY, Offset.CLOSE, 1, False),
        (Side.SELL, Offset.CLOSE, 0, False),
        (Side.SELL, Offset.CLOSE, -1, False),
    ],
)
def test_reducing_counts_the_working_orders_before_it(side: Side, offset: Offset, lots: int, reduces: bool) -> None:
    holding = Holding(close_rule=CloseRule.FIFO, long=Leg(today=5, closing_other=2))
    assert holding.reduces(side, offset, lots) is reduces


def test_one_leg_of_a_locked_pair_does_not_reduce_the_net_position() -> None:
    holding = Holding(close_rule=CloseRule.FIFO, long=Leg(today=5), short=Leg(today=5))
    assert not holding.reduces(Side.SELL, Offset.CLOSE, 1)
    assert not holding.reduces(Side.BUY, Offset.CLOSE, 1)


def test_a_new_day_makes_history(make_intent: Callable[..., OrderIntent]) -> None:
    holding = Holding(close_rule=CloseRule.NAMED, long=Leg(today=3, yesterday=2))
    holding.change_working(make_intent(side=Side.SELL, offset=Offset.CLOSETODAY), 2)
    holding.roll()
    assert (holding.long.today, holding.long.yesterday, holding.long.closing_today) == (0, 5, 2)
