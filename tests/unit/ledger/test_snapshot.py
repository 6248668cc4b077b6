from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from tradepit.trading.ledger.ledger import Ledger
from tradepit.trading.ledger.snapshot import LedgerState
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset, Side

Orders = Callable[..., OrderIntent]
Ledgers = Callable[..., Ledger]


def busy(pit: Ledger, order: Orders) -> Ledger:
    """Two days, both sides, working orders of every kind the product knows."""
    net = pit.to_state().contracts[0].instrument.product.close_rule is CloseRule.NET
    opening, closing = (Offset.NET, Offset.NET) if net else (Offset.OPEN, Offset.CLOSE)
    pit.apply_fill(order("a", Side.BUY, opening, 3001, 5), 3001, 5)
    pit.apply_fill(order("b", Side.SELL, opening, 3001, 5), 3001, 5)
    pit.settle(20250107, {"c2505": Decimal(3003)})
    pit.apply_fill(order("a", Side.BUY, opening, 3005, 2), 3005, 2)
    pit.apply_fill(order("a", Side.BUY, opening, 3006, 1), 3006, 1)
    pit.apply_fill(order("a", Side.SELL, closing, 3007, 1), 3007, 1)
    pit.reserve(order("a", Side.SELL, closing, 3010, 3, client_order_id="close"))
    if not net:
        pit.reserve(order("a", Side.SELL, Offset.CLOSETODAY, 3010, 2, client_order_id="close-today"))
    pit.reserve(order("b", Side.SELL, opening, 3010, 3, client_order_id="open"))
    pit.mark("c2505", 3009)
    return pit


@pytest.mark.parametrize("rule", list(CloseRule))
def test_a_restored_ledger_is_equal_and_goes_on_alike(ledger: Ledgers, order: Orders, rule: CloseRule) -> None:
    pit = busy(ledger(close_rule=rule, larger_side_margin=True), order)
    stored = msgspec.msgpack.encode(pit.to_state())
    twin = Ledger.from_state(msgspec.msgpack.decode(stored, type=LedgerState))
    assert twin.to_state() == pit.to_state()
    assert twin.digest() == pit.digest()
    last = order("a", Side.SELL, Offset.NET if rule is CloseRule.NET else Offset.CLOSE, 3010, 3, client_order_id="close")
    for each in (pit, twin):
        each.apply_fill(last, 3010, 2)
        each.release("a", "close")
    assert [twin.account(name) for name in twin.accounts()] == [pit.account(name) for name in pit.accounts()]
    assert twin.positions("a") == pit.positions("a")
    assert twin.settle(20250108, {}) == pit.settle(20250108, {})
    assert twin.digest() == pit.digest()


def test_a_state_stays_what_it_was(ledger: Ledgers, order: Orders) -> None:
    pit = busy(ledger(), order)
    state, before = pit.to_state(), pit.digest()
    pit.apply_fill(order("b", Side.SELL, Offset.OPEN, 3000, 1), 3000, 1)
    pit.settle(20250108, {})
    assert Ledger.from_state(state).digest() == before != pit.digest()


def test_the_digest_depends_on_facts_and_not_on_their_order(ledger: Ledgers, order: Orders) -> None:
    one, other = ledger(), ledger()
    trades = [order("a", Side.BUY, Offset.OPEN, 3000, 1), order("b", Side.SELL, Offset.OPEN, 3000, 1)]
    for intent in trades:
        one.apply_fill(intent, 3000, 1)
    other.position("b", "c2505", Side.BUY)
    other.deposit("a", Decimal("0.50"))
    other.withdraw("a", Decimal("0.5"))
    one.withdraw("a", Decimal("0.50"))
    one.deposit("a", Decimal("0.5"))
    for intent in reversed(trades):
        other.apply_fill(intent, 3000, 1)
    assert one.digest() == other.digest()
    one.mark("c2505", 3001)
    assert one.digest() != other.digest()
