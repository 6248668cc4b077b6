from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from tradepit.trading.ledger.ledger import Ledger
from tradepit.trading.model.errors import BadRequest, InstrumentNotFound
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Offset, Side

Orders = Callable[..., OrderIntent]
Ledgers = Callable[..., Ledger]


def test_today_becomes_history_at_the_settlement_price(ledger: Ledgers, order: Orders) -> None:
    pit = ledger()
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 2), 3000, 2)
    pit.reserve(order("a", Side.BUY, Offset.OPEN, 3000, 1, client_order_id="gfd"))
    balance_at_settlement = Decimal(1_000_000) + 2 * 10 * 7 - Decimal("2.4")
    pit.settle(20250107, {"c2505": Decimal(3007)})
    account, position = pit.account("a"), pit.position("a", "c2505", Side.BUY)
    assert pit.trading_day == 20250107
    assert pit.pre_settlement("c2505") == 3007
    assert account.pre_balance == account.balance == balance_at_settlement
    assert account.deposit == account.close_profit == account.position_profit == account.fee == account.frozen_margin == 0
    assert account.margin == position.margin == 3007 * 2
    assert (position.today_lots, position.yesterday_lots, position.open_cost) == (0, 2, Decimal(60_000))
    assert position.float_profit == 140, "float profit keeps the open price"
    assert pit.release("a", "gfd") == 0
    pit.apply_fill(order("a", Side.SELL, Offset.CLOSE, 3010, 2), 3010, 2)
    assert pit.account("a").close_profit == 2 * 10 * 3


def test_a_contract_that_did_not_trade_keeps_its_settlement(ledger: Ledgers) -> None:
    pit = ledger(pre_settlement="2999")
    pit.mark("c2505", 3050)
    pit.settle(20250107, {})
    assert pit.pre_settlement("c2505") == 2999


def test_an_expired_contract_is_paid_out_and_delisted(
    ledger: Ledgers, order: Orders, instrument: Callable[..., Instrument]
) -> None:
    pit = ledger(expiry=date(2025, 1, 6))
    pit.list_instrument(instrument("c2507"), Decimal(3000))
    for symbol in ("c2505", "c2507"):
        pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 2, symbol=symbol), 3000, 2)
        pit.apply_fill(order("b", Side.SELL, Offset.OPEN, 3000, 2, symbol=symbol), 3000, 2)
    statements = pit.settle(20250107, {"c2505": Decimal("3010.55"), "c2507": Decimal(3020)})
    assert [statement.realised for statement in statements] == [Decimal(211), Decimal(-211)]
    assert [statement.mark_to_market for statement in statements] == [400, -400]
    assert [[position.symbol for position in statement.positions] for statement in statements] == [["c2507"], ["c2507"]]
    assert pit.symbols() == ("c2507",)
    assert pit.account("a").margin == 6040
    with pytest.raises(InstrumentNotFound):
        pit.mark("c2505", 3000)


@pytest.mark.parametrize(
    ("next_day", "price"), [(20250106, "3000"), (20250105, "3000"), (20250107, "0"), (20250107, "NaN"), (20250107, "-5")]
)
def test_a_refused_settlement_changes_nothing(ledger: Ledgers, order: Orders, next_day: int, price: str) -> None:
    pit = ledger()
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 2), 3000, 2)
    before = pit.digest()
    with pytest.raises(BadRequest):
        pit.settle(next_day, {"c2505": Decimal(price)})
    assert pit.digest() == before
