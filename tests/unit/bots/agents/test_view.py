"""Orders close what is held before they open, as each exchange words it."""

from collections.abc import Callable

import pytest

from tradepit.bots.agents.view import Holding, Resting, View, trade
from tradepit.trading.model.terms import Offset, OrderType, Side

MakeView = Callable[..., View]


@pytest.mark.parametrize(
    ("symbol", "holding", "side", "offset", "lots"),
    [
        ("IF2501", Holding(), Side.BUY, Offset.OPEN, 5),
        ("IF2501", Holding(long_today=2, long_history=1), Side.SELL, Offset.CLOSE, 3),
        ("IF2501", Holding(long_today=2, long_history=1), Side.BUY, Offset.OPEN, 5),
        ("IF2501", Holding(short_history=9), Side.BUY, Offset.CLOSE, 5),
        ("rb2505", Holding(long_today=2, long_history=1), Side.SELL, Offset.CLOSE, 1),
        ("rb2505", Holding(long_today=2), Side.SELL, Offset.CLOSETODAY, 2),
        ("sc2505", Holding(short_today=3), Side.BUY, Offset.CLOSETODAY, 3),
        ("m2505", Holding(short_today=3, short_history=1), Side.BUY, Offset.CLOSE, 4),
        ("VN30F2501", Holding(long_today=3), Side.SELL, Offset.NET, 5),
    ],
)
def test_offsets(make_view: MakeView, symbol: str, holding: Holding, side: Side, offset: Offset, lots: int) -> None:
    place = trade(make_view(symbol, holding), side, 19_500, 5)
    assert place is not None
    assert (place.offset, place.lots) == (offset, lots)


@pytest.mark.parametrize(("symbol", "kind"), [("IF2501", OrderType.FAK), ("VN30F2501", OrderType.LIMIT)])
def test_a_limit_order_stands_in_for_a_type_the_exchange_lacks(make_view: MakeView, symbol: str, kind: OrderType) -> None:
    place = trade(make_view(symbol), Side.BUY, 19_500, 1, OrderType.FAK)
    assert place is not None
    assert place.order_type is kind


def test_no_order_beyond_the_limits_or_into_an_own_one(make_view: MakeView) -> None:
    view = make_view(resting=(Resting(client_order_id="x", side=Side.SELL, price_ticks=19_501, left_lots=1, age_s=0),))
    assert trade(view, Side.BUY, 21_451, 1) is None
    assert trade(view, Side.BUY, 17_549, 1) is None
    assert trade(view, Side.BUY, 19_500, 0) is None
    assert trade(view, Side.BUY, 19_501, 1) is None
    assert trade(view, Side.BUY, 19_500, 1) is not None


def test_the_middle_needs_both_sides(make_view: MakeView) -> None:
    assert make_view().quote.middle == 19_500
    assert make_view(ask_ticks=0, last_ticks=19_480).quote.middle == 19_480
