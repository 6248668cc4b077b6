import pickle
from enum import StrEnum

from tradepit.trading.model.at_hand import at_hand
from tradepit.trading.model.terms import Offset, OrderType, SessionPhase, Side


@at_hand
class Colour(StrEnum):
    RED = "red"
    CRIMSON = "red"
    BLUE = "blue"


def test_members_are_what_they_were() -> None:
    assert Colour.RED is Colour("red") is Colour["RED"] is Colour.CRIMSON
    assert [each.name for each in Colour] == ["RED", "BLUE"]
    assert all(pickle.loads(pickle.dumps(each)) is each for each in Colour)


def test_members_lie_on_the_class() -> None:
    assert all(vars(kind)[name] is member for kind in (Colour, Side, Offset) for name, member in kind.__members__.items())


def test_what_is_asked_of_a_member_is_kept_on_it() -> None:
    assert (Side.BUY.opposite, Side.SELL.opposite) == (Side.SELL, Side.BUY)
    assert [each for each in Offset if each.closes] == [Offset.CLOSE, Offset.CLOSETODAY, Offset.CLOSEYESTERDAY]
    assert [each for each in SessionPhase if each.gathers] == [SessionPhase.AUCTION_ORDERING, SessionPhase.CLOSING_AUCTION]
    assert [each for each in OrderType if each.priced] == [OrderType.LIMIT, OrderType.FAK, OrderType.FOK]
