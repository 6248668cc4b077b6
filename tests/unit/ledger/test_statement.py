from collections.abc import Callable
from decimal import Decimal

import msgspec

from tradepit.trading.ledger.ledger import Ledger
from tradepit.trading.ledger.statement import SettlementStatement
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Offset, Side


def test_where_two_days_of_money_came_from_and_went(ledger: Callable[..., Ledger], order: Callable[..., OrderIntent]) -> None:
    pit = ledger()
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 4), 3000, 4)
    pit.apply_fill(order("a", Side.SELL, Offset.CLOSE, 3010, 1), 3010, 1)
    pit.apply_fill(order("a", Side.SELL, Offset.OPEN, 3012, 1), 3012, 1)
    pit.withdraw("a", Decimal("250.50"))
    first, idle = pit.settle(20250107, {"c2505": Decimal(3008)})
    assert (first.account, first.currency, first.trading_day) == ("a", "CNY", 20250106)
    assert (first.opening, first.deposits, first.withdrawals) == (Decimal(0), Decimal(1_000_000), Decimal("250.50"))
    assert first.realised == 100
    assert first.mark_to_market == 3 * 80 + 40 == sum(position.position_profit for position in first.positions)
    assert first.fees == Decimal("6.0")
    assert first.closing == Decimal("1000123.50")
    assert first.margin == 4 * 3008 == sum(position.margin for position in first.positions)
    assert first.available == first.closing - first.margin
    assert [(position.side, position.today_lots) for position in first.positions] == [(Side.BUY, 3), (Side.SELL, 1)]
    assert (idle.account, idle.closing, idle.positions) == ("b", Decimal(1_000_000), ())
    second = pit.settle(20250108, {"c2505": Decimal(3000)})[0]
    assert (second.opening, second.deposits, second.fees) == (first.closing, Decimal(0), Decimal(0))
    assert second.mark_to_market == -3 * 80 + 80
    assert second.closing == second.opening + second.mark_to_market
    assert [position.yesterday_lots for position in second.positions] == [3, 1]


def test_a_statement_travels_as_json(ledger: Callable[..., Ledger], order: Callable[..., OrderIntent]) -> None:
    pit = ledger()
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 1), 3000, 1)
    statement = pit.settle(20250107, {})[0]
    assert msgspec.json.decode(msgspec.json.encode(statement), type=SettlementStatement) == statement
