"""The closed vocabularies."""

from tradepit.trading.model.terms import Offset, Side


def test_sides_oppose_each_other() -> None:
    assert (Side.BUY.opposite, Side.SELL.opposite) == (Side.SELL, Side.BUY)


def test_which_offsets_can_only_reduce() -> None:
    assert {offset for offset in Offset if offset.closes} == {Offset.CLOSE, Offset.CLOSETODAY, Offset.CLOSEYESTERDAY}
