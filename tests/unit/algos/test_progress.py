"""Figures of a running algorithm."""

from collections.abc import Callable
from decimal import Decimal

from tradepit.trading.algos.actions import SendChild
from tradepit.trading.algos.params import SECOND_NS, AlgoParams
from tradepit.trading.algos.progress import progress
from tradepit.trading.algos.state import on_trade, start
from tradepit.trading.algos.status import AlgoStatus
from tradepit.trading.algos.step import step
from tradepit.trading.model.terms import Side
from tradepit.trading.model.tick import Tick
from tradepit.trading.model.trade import Trade


def test_prices_and_slippage(
    make_params: Callable[..., AlgoParams], make_tick: Callable[..., Tick], make_trade: Callable[..., Trade], t0: int
) -> None:
    for side, slippage in ((Side.BUY, Decimal("1.3333")), (Side.SELL, Decimal("-1.3333"))):
        state = start(make_params(side=side))
        before = progress(state)
        assert (before.status, before.average_ticks, before.arrival_ticks, before.slippage_ticks) == (
            AlgoStatus.ACCEPTED,
            None,
            None,
            None,
        )
        (send,) = step(state, t0, make_tick(volume_lots=100))
        assert isinstance(send, SendChild)
        on_trade(state, make_trade(send, 2, "t1", 1001, side=side))
        on_trade(state, make_trade(send, 1, "t2", 1002, side=side))
        step(state, t0 + SECOND_NS, make_tick(volume_lots=130, last_ticks=1004))
        step(state, t0 + 2 * SECOND_NS, make_tick(volume_lots=140, last_ticks=1000))
        told = progress(state)
        assert (told.filled_lots, told.working_lots, told.total_lots, told.children) == (3, 7, 100, 1)
        assert (told.slices_done, told.slices_planned) == (0, 10)
        assert (told.average_ticks, told.arrival_ticks, told.slippage_ticks) == (Decimal("1001.3333"), Decimal(1000), slippage)
        assert told.market_vwap_ticks == Decimal(1003)
