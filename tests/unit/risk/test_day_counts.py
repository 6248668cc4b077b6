"""What is counted of a day's orders and trades."""

from collections.abc import Callable

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Offset, OrderType
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.day_counts import DayCounts


def test_cancels_are_counted_by_kind_and_size(make_intent: Callable[..., OrderIntent]) -> None:
    counts = DayCounts()
    for lots, kind in ((1, OrderType.LIMIT), (5, OrderType.LIMIT), (5, OrderType.FOK), (9, OrderType.MARKET)):
        counts.on_cancelled(make_intent(volume_lots=lots, order_type=kind))
    assert (counts.resting.count, counts.immediate.count) == (2, 1)
    assert [counts.resting.of_at_least(lots) for lots in (1, 2, 5, 6)] == [2, 1, 1, 0]


def test_trades_count_what_they_open_and_forget_old_numbers(
    make_intent: Callable[..., OrderIntent], make_trade: Callable[..., Trade]
) -> None:
    counts = DayCounts()
    counts.on_trade(make_trade(make_intent(), 3, trade_id="first"))
    counts.on_trade(make_trade(make_intent(offset=Offset.CLOSE), 2, trade_id="second"))
    assert (counts.opened_lots, counts.self_trades) == (3, 0)
    for number in range(64):
        counts.on_trade(make_trade(make_intent(), 1, trade_id=f"t{number}"))
    counts.on_trade(make_trade(make_intent(), 1, trade_id="first"))
    assert counts.self_trades == 0
    counts.on_trade(make_trade(make_intent(), 1, trade_id="t63"))
    assert counts.self_trades == 1
