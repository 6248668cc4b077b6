"""Contracts, orders and ledgers made by hand for the ledger's tests."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from tradepit.trading.ledger.ledger import Ledger
from tradepit.trading.ledger.rules import LedgerRules
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.product import CloseRule, FeeRate, FeeSchedule, Product, SettlementRule
from tradepit.trading.model.terms import Exchange, Offset, OrderType, Side

DAY = 20250106


def per_lot(open_fee: str, close_yesterday: str, close_today: str) -> FeeSchedule:
    rates = [FeeRate(by_volume=Decimal(fee)) for fee in (open_fee, close_yesterday, close_today)]
    return FeeSchedule(open=rates[0], close_yesterday=rates[1], close_today=rates[2])


def corn() -> Product:
    return Product(
        product_id="c",
        exchange=Exchange.DCE,
        name="corn",
        multiplier=10,
        tick_size=Decimal(1),
        max_limit_lots=2000,
        max_market_lots=2000,
        limit_pct=Decimal("0.1"),
        margin_ratio=Decimal("0.1"),
        fees=per_lot("1.2", "1.2", "0"),
        session_group="x",
        close_rule=CloseRule.FIFO,
        settlement_rule=SettlementRule.DAY_VWAP,
        settlement_step=Decimal(1),
        order_types=frozenset(OrderType),
    )


@pytest.fixture
def product() -> Callable[..., Product]:
    """A corn contract's product with any field changed."""

    def make(**changes: object) -> Product:
        fields = {name: getattr(corn(), name) for name in Product.__struct_fields__}
        return Product(**{**fields, **changes})

    return make


@pytest.fixture
def instrument(product: Callable[..., Product]) -> Callable[..., Instrument]:
    """A contract of that product; ``expiry`` far away unless told."""

    def make(symbol: str = "c2505", expiry: date = date(2025, 5, 15), **changes: object) -> Instrument:
        return Instrument(symbol=symbol, product=product(**changes), expiry=expiry, listing_price=Decimal(3000))

    return make


@pytest.fixture
def order() -> Callable[..., OrderIntent]:
    """An order: ``order("a", Side.BUY, Offset.OPEN, 3000, 2)``; ids count up unless given."""
    count = 0

    def make(
        account: str,
        side: Side,
        offset: Offset,
        price_ticks: int,
        lots: int,
        *,
        symbol: str = "c2505",
        client_order_id: str = "",
    ) -> OrderIntent:
        nonlocal count
        count += 1
        return OrderIntent(
            client_order_id=client_order_id or f"o{count}",
            account=account,
            symbol=symbol,
            exchange=Exchange.DCE,
            side=side,
            offset=offset,
            order_type=OrderType.LIMIT if price_ticks else OrderType.MARKET,
            price_ticks=price_ticks,
            volume_lots=lots,
        )

    return make


@pytest.fixture
def ledger(instrument: Callable[..., Instrument]) -> Callable[..., Ledger]:
    """A ledger with accounts a and b (1,000,000 each) and one corn contract whose product may be changed."""

    def make(pre_settlement: str = "3000", rules: LedgerRules | None = None, **changes: object) -> Ledger:
        made = Ledger(DAY, rules or LedgerRules())
        listed = instrument(**changes)
        made.list_instrument(listed, Decimal(pre_settlement))
        for account in ("a", "b"):
            made.open_account(account, Decimal(1_000_000), listed.product.currency)
        return made

    return make
