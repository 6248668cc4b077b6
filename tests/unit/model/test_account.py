"""An account's identities."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tradepit.trading.model.account import UNCOVERED, Account

money = st.decimals(-(10**9), 10**9, places=2)


def test_the_identities_of_a_statement() -> None:
    account = Account(
        account="A1",
        pre_balance=Decimal(1000),
        deposit=Decimal(500),
        withdraw=Decimal(200),
        close_profit=Decimal(50),
        position_profit=Decimal(-30),
        fee=Decimal("1.5"),
        margin=Decimal(400),
        frozen_margin=Decimal(100),
        frozen_fee=Decimal("0.5"),
    )
    assert (account.static_balance, account.balance, account.available) == (Decimal(1300), Decimal("1318.5"), Decimal(818))
    assert account.risk_ratio == Decimal(400) / Decimal("1318.5")


def test_no_margin_is_no_risk() -> None:
    assert Account(account="A1").risk_ratio == 0
    assert Account(account="A1", pre_balance=Decimal(-5)).risk_ratio == 0


@given(balance=money, margin=st.decimals(0, 10**9, places=2))
def test_an_account_without_equity_never_looks_safe(balance: Decimal, margin: Decimal) -> None:
    ratio = Account(account="A1", pre_balance=balance, margin=margin).risk_ratio
    assert ratio.is_finite()
    assert 0 <= ratio <= UNCOVERED
    if margin and balance <= 0:
        assert ratio == UNCOVERED
