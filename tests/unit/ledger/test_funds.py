from collections.abc import Callable
from decimal import Decimal

import pytest

from tradepit.trading.ledger.ledger import Ledger
from tradepit.trading.ledger.rules import LedgerRules, MarginPrice
from tradepit.trading.model.errors import VenueRefused
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Offset, Side

Orders = Callable[..., OrderIntent]
Ledgers = Callable[..., Ledger]


def test_the_account_identities_hold_in_every_part(ledger: Ledgers, order: Orders) -> None:
    pit = ledger()
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 4), 3000, 4)
    pit.apply_fill(order("a", Side.SELL, Offset.CLOSE, 3010, 1), 3010, 1)
    pit.reserve(order("a", Side.BUY, Offset.OPEN, 2990, 2))
    pit.mark("c2505", 3005)
    pit.deposit("a", Decimal(500))
    pit.withdraw("a", Decimal("100.25"))
    account = pit.account("a")
    assert (account.pre_balance, account.deposit, account.withdraw) == (Decimal(0), Decimal(1_000_500), Decimal("100.25"))
    assert (account.close_profit, account.position_profit, account.float_profit) == (Decimal(100), Decimal(150), Decimal(150))
    assert (account.fee, account.margin) == (Decimal("4.8"), Decimal(9000))
    assert (account.frozen_margin, account.frozen_fee) == (Decimal(6000), Decimal("2.4"))
    assert account.balance == Decimal(1000500) - Decimal("100.25") + 100 + 150 - Decimal("4.8")
    assert account.available == account.balance - 9000 - 6000 - Decimal("2.4") == pit.available("a")


def test_larger_side_relief_counts_all_months_of_a_product(
    ledger: Ledgers, order: Orders, instrument: Callable[..., object]
) -> None:
    pit = ledger(larger_side_margin=True)
    for symbol in ("c2507", "c2509"):
        pit.list_instrument(instrument(symbol, larger_side_margin=True), Decimal(3000))  # type: ignore[arg-type]  # a fixture
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 2), 3000, 2)
    assert pit.account("a").margin == 6000
    pit.apply_fill(order("a", Side.SELL, Offset.OPEN, 3100, 1, symbol="c2507"), 3100, 1)
    assert pit.account("a").margin == 6000, "the smaller side costs nothing"
    pit.apply_fill(order("a", Side.SELL, Offset.OPEN, 3200, 1, symbol="c2509"), 3200, 1)
    assert pit.account("a").margin == 3100 + 3200, "now the short side of the two far months is the larger one"
    pit.apply_fill(order("a", Side.BUY, Offset.CLOSE, 3200, 1, symbol="c2509"), 3200, 1)
    assert pit.account("a").margin == 6000


def test_margin_at_the_last_price_follows_the_mark(ledger: Ledgers, order: Orders) -> None:
    pit = ledger(rules=LedgerRules(margin_price=MarginPrice.LAST))
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 1), 3000, 1)
    pit.mark("c2505", 3100)
    assert pit.account("a").margin == 3100
    pit.mark("c2505", 2900)
    assert pit.account("a").margin == 2900


@pytest.mark.parametrize(("spend", "available"), [(True, 1_000_000 - 3000 + 1000), (False, 1_000_000 - 3000)])
def test_whether_unrealised_gains_may_be_spent(ledger: Ledgers, order: Orders, spend: bool, available: int) -> None:
    pit = ledger(rules=LedgerRules(spend_position_profit=spend))
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 1), 3000, 1)
    pit.mark("c2505", 3100)
    assert pit.available("a") == available - Decimal("1.2")
    with pytest.raises(VenueRefused, match="INSUFFICIENT_MONEY"):
        pit.withdraw("a", Decimal(available))
    pit.withdraw("a", Decimal(available) - Decimal("1.2"))
    assert pit.available("a") == 0
    pit.mark("c2505", 2999)
    assert pit.available("a") < 0, "losses always count"
