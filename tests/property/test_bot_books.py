"""Virtual positions: however bots trade, their lots and their money add up to the account's, and no money appears or is lost."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.order_path import an_intent, instrument
from tests.unit.orders.test_register import a_trade

from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import OrderStatus, Side
from tradepit.trading.orders.bot_books import BotBooks, BotPosition

_CONTRACT = instrument()
trades = st.lists(
    st.tuples(st.sampled_from(["", "b1", "b2", "b3"]), st.sampled_from(Side), st.integers(1, 9), st.integers(15_000, 25_000)),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(trades=trades, mark=st.integers(15_000, 25_000))
def test_bots_sum_to_the_account(trades: list[tuple[str, Side, int, int]], mark: int) -> None:
    books, lots, cash = BotBooks(), 0, Decimal(0)
    for number, (bot, side, count, ticks) in enumerate(trades):
        order = Order(intent=an_intent(number, bot=bot), status=OrderStatus.OPEN) if number % 5 else None
        books.on_trade(replace(a_trade(number, count), side=side, price_ticks=ticks, fee="1.5"), order, _CONTRACT)
        sign = 1 if side is Side.BUY else -1
        lots += sign * count
        cash -= sign * _CONTRACT.notional(ticks, count)
    held = books.positions.values()
    worth = _CONTRACT.notional(mark, 1)
    assert sum(each.lots for each in held) == lots
    assert sum((each.fees for each in held), Decimal(0)) == Decimal("1.5") * len(trades)
    made = sum((each.realized + each.unrealized(worth) for each in held), Decimal(0))
    assert abs(made - (cash + lots * worth)) < Decimal("0.0000001")
    assert all(each.open_cost == 0 for each in held if not each.lots)


def test_closing_realises_at_the_average_cost() -> None:
    position = BotPosition()
    position.add(2, Decimal(100))
    position.add(2, Decimal(110))
    position.add(-1, Decimal(125))
    assert (position.lots, position.realized, position.open_cost) == (3, Decimal(20), Decimal(315))
    position.add(-5, Decimal(95))
    assert (position.lots, position.realized, position.open_cost) == (-2, Decimal(-10), Decimal(-190))
    assert position.unrealized(Decimal(90)) == 10


def test_a_position_that_is_closed_to_the_last_lot_costs_nothing_however_odd_its_average_was() -> None:
    position = BotPosition()
    for lots, worth in ((4, 900_000), (-8, 1_155_360), (-5, 900_000), (5, 900_000), (4, 900_000)):
        position.add(lots, Decimal(worth))
    assert (position.lots, position.open_cost) == (0, Decimal(0))
