"""The closed vocabularies."""

from tradepit.trading.model.terms import Offset, OrderType, SessionPhase, Side


def test_sides_oppose_each_other() -> None:
    assert (Side.BUY.opposite, Side.SELL.opposite) == (Side.SELL, Side.BUY)


def test_which_offsets_can_only_reduce() -> None:
    assert {offset for offset in Offset if offset.closes} == {Offset.CLOSE, Offset.CLOSETODAY, Offset.CLOSEYESTERDAY}


def test_which_orders_name_a_price_and_which_phases_gather() -> None:
    assert {kind for kind in OrderType if kind.priced} == {OrderType.LIMIT, OrderType.FAK, OrderType.FOK}
    assert OrderType("MTL") is OrderType.MTL
    assert {phase for phase in SessionPhase if phase.gathers} == {SessionPhase.AUCTION_ORDERING, SessionPhase.CLOSING_AUCTION}
