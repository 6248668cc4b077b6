"""Products and instruments from the catalogue."""

from datetime import date
from decimal import Decimal

import pytest

from tradepit.trading.calendar.catalog import Catalog, load_catalog
from tradepit.trading.model.errors import CalendarUnknown, ConfigError, InstrumentNotFound
from tradepit.trading.model.product import CloseRule, SettlementRule
from tradepit.trading.model.terms import Exchange

CATALOG = load_catalog()
TODAY = date(2025, 8, 13)


@pytest.mark.parametrize(
    ("product_id", "multiplier", "tick", "limit_lots", "market_lots", "limit_pct", "margin"),
    [
        ("IF", 300, "0.2", 20, 10, "0.10", "0.08"),
        ("IC", 200, "0.2", 20, 10, "0.10", "0.08"),
        ("TS", 20000, "0.002", 50, 30, "0.005", "0.01"),
        ("rb", 10, "1", 500, 30, "0.05", "0.07"),
        ("au", 1000, "0.02", 500, 30, "0.06", "0.08"),
        ("sc", 1000, "0.1", 500, 30, "0.08", "0.10"),
        ("m", 10, "1", 1000, 1000, "0.06", "0.07"),
        ("c", 10, "1", 2000, 2000, "0.06", "0.07"),
        ("lh", 16, "5", 50, 50, "0.06", "0.08"),
        ("TA", 5, "2", 1000, 200, "0.07", "0.14"),
        ("CJ", 5, "5", 100, 20, "0.07", "0.18"),
        ("si", 5, "5", 1000, 1000, "0.08", "0.10"),
        ("VN30F", 100000, "0.1", 500, 500, "0.07", "0.17"),
    ],
)
def test_figures(
    product_id: str, multiplier: int, tick: str, limit_lots: int, market_lots: int, limit_pct: str, margin: str
) -> None:
    product = CATALOG.product(product_id)
    assert (product.multiplier, product.tick_size) == (multiplier, Decimal(tick))
    assert (product.max_limit_lots, product.max_market_lots) == (limit_lots, market_lots)
    assert (product.limit_pct, product.margin_ratio) == (Decimal(limit_pct), Decimal(margin))


def test_rules_of_the_exchanges() -> None:
    index, gold, freight, pta, vn30 = (CATALOG.product(name) for name in ("IF", "au", "ec", "TA", "VN30F"))
    assert (index.close_rule, index.settlement_rule) == (CloseRule.FIFO_FEE_TODAY_FIRST, SettlementRule.LAST_HOUR_VWAP)
    assert (index.settlement_step, index.larger_side_margin) == (Decimal("0.1"), True)
    assert (gold.close_rule, gold.settlement_rule, gold.larger_side_margin) == (CloseRule.NAMED, SettlementRule.DAY_VWAP, True)
    assert (freight.close_rule, freight.larger_side_margin) == (CloseRule.NAMED, False)
    assert (pta.close_rule, pta.larger_side_margin) == (CloseRule.FIFO, False)
    assert (vn30.exchange, vn30.close_rule, vn30.currency, vn30.depth_levels) == (Exchange.HNX, CloseRule.NET, "VND", 10)
    assert vn30.fees.open.by_volume == 2700 + 2550
    # A tenth of a per cent of half the initial margin.
    assert vn30.fees.open.by_money == Decimal("0.001") * vn30.margin_ratio / 2


def test_the_band_of_two_real_days() -> None:
    instrument = CATALOG.instrument("IF2101", on=date(2021, 1, 4), listing_price=Decimal("5216.2"))
    for settled, low, high in (("5216.2", "4694.6", "5737.8"), ("5278.6", "4750.8", "5806.4")):
        band = instrument.price_band(Decimal(settled))
        assert [instrument.to_price(ticks) for ticks in band] == [Decimal(low), Decimal(high)]
    assert instrument.expiry == date(2021, 1, 15)


@pytest.mark.parametrize(
    ("symbol", "expiry"),
    [
        ("IF2512", "2025-12-19"), ("TF2509", "2025-09-12"), ("rb2508", "2025-08-15"), ("fu2511", "2025-10-31"),
        ("sc2603", "2026-02-27"), ("lu2604", "2026-03-31"), ("nr2508", "2025-08-15"), ("ec2512", "2025-12-29"),
        ("m2509", "2025-09-12"), ("eb2509", "2025-09-25"), ("lh2509", "2025-09-25"), ("bz2603", "2026-03-26"),
        ("TA512", "2025-12-12"), ("ZC510", "2025-10-15"), ("ps2512", "2025-12-12"), ("VN30F1M", "2025-08-21"),
        ("41I1F8000", "2025-08-21"),
    ],
)  # fmt: skip
def test_instruments_expire_by_their_products_rule(symbol: str, expiry: str) -> None:
    instrument = CATALOG.instrument(symbol, on=TODAY, listing_price=Decimal(100))
    assert (instrument.symbol, instrument.expiry) == (symbol, date.fromisoformat(expiry))
    assert instrument.product is CATALOG.product_of(symbol)


def test_aliases_of_one_contract_name_the_same_month() -> None:
    months = {CATALOG.contract_month(symbol, TODAY) for symbol in ("VN30F1M", "VN30F2508", "41I1F8000")}
    assert len(months) == 1


def test_an_expiry_that_cannot_be_known_must_be_named() -> None:
    with pytest.raises(CalendarUnknown):
        CATALOG.instrument("IF2703", on=date(2026, 11, 20), listing_price=Decimal(4000))
    named = CATALOG.instrument("IF2703", on=date(2026, 11, 20), listing_price=Decimal(4000), expiry=date(2027, 3, 19))
    assert named.expiry == date(2027, 3, 19)


def test_unknown_products_are_not_found() -> None:
    for ask in (CATALOG.product, CATALOG.listing, CATALOG.product_of):
        with pytest.raises(InstrumentNotFound):
            ask("nope")


def test_overrides_make_another_catalogue() -> None:
    mine = CATALOG.overridden({"rb": {"margin_ratio": "0.12", "fees": {"open": {"by_volume": 3}}, "max_limit_lots": 50}})
    assert mine.product("rb").margin_ratio == Decimal("0.12")
    assert mine.product("rb").fees.open.by_volume == 3
    assert mine.product_of("rb2510").max_limit_lots == 50
    assert CATALOG.product("rb").margin_ratio == Decimal("0.07")
    assert mine.product("hc") == CATALOG.product("hc")


@pytest.mark.parametrize(
    "fields",
    [
        {"colour": "red"},
        {"product_id": "xx"},
        {"exchange": "DCE"},
        {"margin_ratio": "much"},
        {"margin_ratio": "NaN"},
        {"tick_size": 0},
        {"multiplier": 1.5},
        {"session_group": "moon"},
        {"order_types": ["ICEBERG"]},
    ],
)
def test_wrong_overrides_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        CATALOG.overridden({"rb": fields})
    with pytest.raises(InstrumentNotFound):
        CATALOG.overridden({"nope": fields})


def test_an_id_may_be_listed_once() -> None:
    listing = CATALOG.listing("rb")
    with pytest.raises(ConfigError, match="twice"):
        Catalog([listing, listing], CATALOG.calendar)
