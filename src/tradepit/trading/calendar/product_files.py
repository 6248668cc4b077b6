"""The shape of the packaged product files, one per exchange, and the products they become."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from tradepit.trading.calendar.expiry import ExpiryRule
from tradepit.trading.calendar.packaged import Source, read_packaged
from tradepit.trading.model.errors import ConfigError
from tradepit.trading.model.product import CloseRule, FeeRate, FeeSchedule, Product, SettlementRule
from tradepit.trading.model.terms import Exchange, OrderType

FIGURE_GROUPS = frozenset({"size", "band", "margin", "fees", "orders", "settlement", "sessions", "expiry"})


class CodeStyle(StrEnum):
    """How an exchange spells a contract month: ``rb2505``; ``TA505`` (last digit of the year); HNX's forms."""

    YYMM = "YYMM"
    YMM = "YMM"
    HNX = "HNX"


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A product and what is known about its contracts. ``sources`` names each figure group's dated source.

    ``near_delivery_min_lots`` is the smallest order in the delivery month (information; not enforced).
    ``krx_code`` is the four-character prefix of HNX's own contract codes.
    """

    product: Product
    expiry_rule: ExpiryRule
    code_style: CodeStyle
    sources: dict[str, Source]
    near_delivery_min_lots: int = 1
    krx_code: str = ""


class FeeRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fees for open, close yesterday, close today: of the traded value, or per lot."""

    by_money: tuple[Decimal, Decimal, Decimal] = (Decimal(0), Decimal(0), Decimal(0))
    by_volume: tuple[Decimal, Decimal, Decimal] = (Decimal(0), Decimal(0), Decimal(0))

    def schedule(self) -> FeeSchedule:
        """The same as the ledger reads it."""
        opened, yesterday, today = (
            FeeRate(by_money=money, by_volume=volume) for money, volume in zip(self.by_money, self.by_volume, strict=True)
        )
        return FeeSchedule(open=opened, close_yesterday=yesterday, close_today=today)


class ProductRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One product; what is None is the exchange's default. The settlement step is the tick unless named."""

    name: str
    multiplier: int
    tick_size: Decimal
    limit_pct: Decimal
    margin_ratio: Decimal
    fees: FeeRow
    session_group: str
    expiry_rule: ExpiryRule
    settlement_step: Decimal | None = None
    max_limit_lots: int | None = None
    max_market_lots: int | None = None
    larger_side_margin: bool | None = None
    near_delivery_min_lots: int = 1
    krx_code: str = ""
    sources: dict[str, str] = {}


class ProductFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One exchange's file."""

    exchange: Exchange
    code_style: CodeStyle
    close_rule: CloseRule
    settlement_rule: SettlementRule
    larger_side_margin: bool
    order_types: frozenset[OrderType]
    max_limit_lots: int
    max_market_lots: int
    source_of: dict[str, str]
    sources: dict[str, Source]
    products: dict[str, ProductRow]
    currency: str = "CNY"
    depth_levels: int = 5


def read_listings(exchange: Exchange) -> list[Listing]:
    """The listings of the packaged file of ``exchange``. Raises ConfigError, also for a figure without a source."""
    table = read_packaged(f"products/{exchange.lower()}.toml", ProductFile)
    return [_listing(table, product_id, row) for product_id, row in table.products.items()]


def check_product(product: Product) -> None:
    """Raises ConfigError when a figure of ``product`` cannot be: a size, step or lot not positive, a ratio outside (0, 1)."""
    sizes = (product.multiplier, product.min_open_lots, product.min_close_lots, product.depth_levels)
    steps = (product.tick_size, product.settlement_step)
    ratios = (product.limit_pct, product.margin_ratio)
    rates = (product.fees.open, product.fees.close_yesterday, product.fees.close_today)
    fees = [fee for rate in rates for fee in (rate.by_money, rate.by_volume)]
    if not (
        all(figure.is_finite() for figure in (*steps, *ratios, *fees))
        and min(sizes) > 0
        and min(steps) > 0
        and min(fees) >= 0
        and 0 < min(ratios) <= max(ratios) < 1
        and product.max_market_lots >= 0
        and max(product.min_open_lots, product.min_close_lots) <= product.max_limit_lots
        and OrderType.LIMIT in product.order_types
    ):
        raise ConfigError(f"product {product.product_id}: a figure is out of range")


def _listing(table: ProductFile, product_id: str, row: ProductRow) -> Listing:
    named = table.source_of | row.sources
    if set(named) != FIGURE_GROUPS or not set(named.values()) <= set(table.sources):
        raise ConfigError(f"product {product_id}: every figure group needs one known source, got {named}")
    product = Product(
        product_id=product_id,
        exchange=table.exchange,
        name=row.name,
        multiplier=row.multiplier,
        tick_size=row.tick_size,
        max_limit_lots=table.max_limit_lots if row.max_limit_lots is None else row.max_limit_lots,
        max_market_lots=table.max_market_lots if row.max_market_lots is None else row.max_market_lots,
        limit_pct=row.limit_pct,
        margin_ratio=row.margin_ratio,
        fees=row.fees.schedule(),
        session_group=row.session_group,
        close_rule=table.close_rule,
        settlement_rule=table.settlement_rule,
        settlement_step=row.tick_size if row.settlement_step is None else row.settlement_step,
        order_types=table.order_types,
        larger_side_margin=table.larger_side_margin if row.larger_side_margin is None else row.larger_side_margin,
        depth_levels=table.depth_levels,
        currency=table.currency,
    )
    check_product(product)
    return Listing(
        product=product,
        expiry_rule=row.expiry_rule,
        code_style=table.code_style,
        sources={group: table.sources[key] for group, key in named.items()},
        near_delivery_min_lots=row.near_delivery_min_lots,
        krx_code=row.krx_code,
    )
