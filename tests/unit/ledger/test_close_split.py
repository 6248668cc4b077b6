"""The close-today split, case by case."""

import msgspec
import pytest

from tradepit.trading.ledger.close_split import CloseReservations, split_close
from tradepit.trading.model.errors import RiskRefused
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side

NAMED, FIFO = CloseRule.NAMED, CloseRule.FIFO


def close(lots: int, offset: Offset = Offset.CLOSE, name: str = "o1") -> OrderIntent:
    return OrderIntent(
        client_order_id=name,
        account="A",
        symbol="rb2505",
        exchange=Exchange.SHFE,
        side=Side.SELL,
        offset=offset,
        order_type=OrderType.LIMIT,
        price_ticks=3500,
        volume_lots=lots,
    )


def long(today: int, yesterday: int, frozen_today: int = 0, frozen_yesterday: int = 0) -> Position:
    return Position(
        account="A",
        symbol="rb2505",
        exchange=Exchange.SHFE,
        side=Side.BUY,
        today_lots=today,
        yesterday_lots=yesterday,
        frozen_today_lots=frozen_today,
        frozen_yesterday_lots=frozen_yesterday,
    )


def split(
    intent: OrderIntent, position: Position | None, rule: CloseRule = NAMED, held: tuple[OrderIntent, ...] = ()
) -> list[tuple[str, Offset, int]]:
    children = split_close(intent, rule, position, held, lambda name, offset: f"{name}-{offset.value}")
    return [(child.client_order_id, child.offset, child.volume_lots) for child in children]


def test_today_first_then_yesterday() -> None:
    assert split(close(7), long(5, 10)) == [("o1-CLOSETODAY", Offset.CLOSETODAY, 5), ("o1-CLOSE", Offset.CLOSE, 2)]
    assert split(close(5), long(5, 10)) == [("o1-CLOSETODAY", Offset.CLOSETODAY, 5)]
    assert split(close(5), long(0, 10)) == [("o1-CLOSE", Offset.CLOSE, 5)]


def test_children_are_the_parents_in_all_else() -> None:
    parent = close(3)
    [child] = split_close(parent, NAMED, long(3, 0), (), lambda name, offset: name + "x")
    assert child.reference == "o1"
    assert msgspec.structs.replace(child, client_order_id="o1", offset=Offset.CLOSE, reference="") == parent


def test_frozen_and_held_lots_are_not_there() -> None:
    held = (close(2, Offset.CLOSETODAY, "h1"), close(3, Offset.CLOSE, "h2"))
    assert split(close(4), long(5, 10, 1, 4), held=held) == [
        ("o1-CLOSETODAY", Offset.CLOSETODAY, 2),
        ("o1-CLOSE", Offset.CLOSE, 2),
    ]
    with pytest.raises(RiskRefused) as caught:
        split(close(6), long(5, 10, 1, 4), held=held)
    assert caught.value.reason_code == "OVER_CLOSE_POSITION"
    assert caught.value.details == {"wanted": 6, "today": 2, "yesterday": 3}


@pytest.mark.parametrize(
    ("offset", "rule", "lots", "code"),
    [
        (Offset.CLOSE, NAMED, 16, "OVER_CLOSE_POSITION"),
        (Offset.CLOSETODAY, NAMED, 6, "OVER_CLOSETODAY"),
        (Offset.CLOSEYESTERDAY, NAMED, 11, "OVER_CLOSEYESTERDAY"),
        (Offset.CLOSE, FIFO, 16, "OVER_CLOSE_POSITION"),
        (Offset.CLOSETODAY, FIFO, 16, "OVER_CLOSE_POSITION"),
    ],
)
def test_too_much_is_refused_and_one_lot_less_is_not(offset: Offset, rule: CloseRule, lots: int, code: str) -> None:
    with pytest.raises(RiskRefused) as caught:
        split(close(lots, offset), long(5, 10), rule)
    assert caught.value.reason_code == code
    assert sum(volume for _, _, volume in split(close(lots - 1, offset), long(5, 10), rule)) == lots - 1


def test_what_passes_through() -> None:
    assert split(close(5, Offset.CLOSETODAY), long(5, 0)) == [("o1", Offset.CLOSETODAY, 5)]
    assert split(close(9), long(5, 10), FIFO) == [("o1", Offset.CLOSE, 9)]
    assert split(close(99, Offset.OPEN), None) == [("o1", Offset.OPEN, 99)]
    assert split(close(99), None, CloseRule.NET) == [("o1", Offset.CLOSE, 99)]


def test_an_unknown_position_is_refused_where_it_would_be_a_guess() -> None:
    with pytest.raises(RiskRefused) as caught:
        split(close(1), None)
    assert caught.value.reason_code == "POSITION_UNKNOWN"
    assert split(close(1), None, FIFO) == [("o1", Offset.CLOSE, 1)]
    assert split(close(1, Offset.CLOSETODAY), None) == [("o1", Offset.CLOSETODAY, 1)]


def test_a_reservation_lasts_until_the_broker_counts_the_order() -> None:
    held = CloseReservations()
    intent = close(3)
    held.reserve(close(3, Offset.OPEN, "open"))
    for status in (OrderStatus.PENDING_NEW, OrderStatus.SENDING, OrderStatus.UNKNOWN, OrderStatus.SUBMITTED):
        held.follow(Order(intent=intent, status=status))
        assert held.held("A", "rb2505", Side.SELL) == (intent,)
    held.follow(Order(intent=intent, status=OrderStatus.OPEN))
    assert held.held("A", "rb2505", Side.SELL) == ()
    for status in (OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.FILLED):
        held.reserve(intent)
        held.follow(Order(intent=intent, status=status))
        held.follow(Order(intent=intent, status=status))
        assert held.held("A", "rb2505", Side.SELL) == ()
