"""The packaged product files: complete, sourced and sane."""

from decimal import Decimal

import msgspec
import pytest

from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.calendar.product_files import FIGURE_GROUPS, FeeRow, Listing, check_product, read_listings
from tradepit.trading.model.errors import ConfigError
from tradepit.trading.model.product import Product
from tradepit.trading.model.terms import Exchange, OrderType

EVERY = [listing for exchange in Exchange for listing in read_listings(exchange)]
LISTED = {
    "CFFEX": "IF IH IC IM T TF TS TL",
    "SHFE": "rb hc wr cu al zn pb ni sn ao ad au ag ru br bu fu sp ss op",
    "INE": "sc lu nr bc ec",
    "DCE": "a b m y p c cs rr i j jm l pp v eg eb pg bz jd lh fb bb lg",
    "CZCE": "TA PX PF PR MA FG SA UR SH PL CF CY SR RM OI RS AP CJ PK SF SM ZC WH PM RI JR LR",
    "GFEX": "si lc ps pt pd",
    "HNX": "VN30F",
}
NIGHTS = {
    "cn_night_2300": "rb hc bu fu ru sp br op lu nr a b m y p c cs rr i j jm l pp v eg eb pg bz "
    "CF CY SR TA PX PF PR MA FG SA SH RM OI PL ZC",
    "cn_night_0100": "cu al zn pb ni sn ss ao ad bc",
    "cn_night_0230": "au ag sc",
}


@pytest.mark.parametrize("exchange", list(Exchange))
def test_every_product_of_the_exchange_is_there(exchange: Exchange) -> None:
    listings = read_listings(exchange)
    assert sorted(listing.product.product_id for listing in listings) == sorted(LISTED[exchange].split())
    assert {listing.product.exchange for listing in listings} == {exchange}


def test_night_sessions_by_product() -> None:
    held = {listing.product.product_id: listing.product.session_group for listing in EVERY}
    for group, products in NIGHTS.items():
        assert sorted(product for product, own in held.items() if own == group) == sorted(products.split())


@pytest.mark.parametrize("listing", EVERY, ids=lambda listing: listing.product.product_id)
def test_every_figure_is_sane_and_has_a_dated_source(listing: Listing) -> None:
    product = listing.product
    check_product(product)
    assert set(listing.sources) == FIGURE_GROUPS
    assert all(source.text and 2023 <= source.as_of.year <= 2026 for source in listing.sources.values())
    assert product.max_market_lots <= product.max_limit_lots
    assert listing.near_delivery_min_lots <= product.max_limit_lots
    assert product.margin_ratio <= Decimal("0.4")
    assert product.fees.open.by_money <= Decimal("0.001")
    assert product.settlement_step <= product.tick_size
    assert product.tick_size % product.settlement_step == 0


def test_order_types_by_exchange() -> None:
    china = {OrderType.LIMIT, OrderType.MARKET, OrderType.FAK, OrderType.FOK}
    without = {Exchange.SHFE: {OrderType.MARKET}, Exchange.INE: {OrderType.MARKET}, Exchange.CZCE: {OrderType.FOK}}
    for listing in EVERY:
        exchange = listing.product.exchange
        hnx = {OrderType.LIMIT} | (set(OrderType) - china)
        assert listing.product.order_types == (hnx if exchange is Exchange.HNX else china - without.get(exchange, set()))


def test_fee_rows_become_schedules() -> None:
    schedule = FeeRow(by_volume=(Decimal(20), Decimal(21), Decimal(300))).schedule()
    assert [rate.by_volume for rate in (schedule.open, schedule.close_yesterday, schedule.close_today)] == [20, 21, 300]
    assert schedule.open.by_money == 0


@pytest.mark.parametrize(
    "change",
    [
        {"multiplier": 0},
        {"tick_size": Decimal(0)},
        {"tick_size": Decimal("NaN")},
        {"settlement_step": Decimal("Infinity")},
        {"limit_pct": Decimal(1)},
        {"margin_ratio": Decimal("-0.1")},
        {"max_limit_lots": 0},
        {"max_market_lots": -1},
        {"min_open_lots": 501},
        {"min_close_lots": 0},
        {"depth_levels": 0},
        {"order_types": frozenset({OrderType.FAK})},
        {"fees": FeeRow(by_money=(Decimal(0), Decimal(-1), Decimal(0))).schedule()},
    ],
)
def test_impossible_figures_are_refused(change: dict[str, object]) -> None:
    product: Product = msgspec.structs.replace(load_catalog().product("rb"), **change)
    with pytest.raises(ConfigError, match="rb"):
        check_product(product)
