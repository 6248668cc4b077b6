"""A listed contract as DIFF's instrument service describes it: sizes, trading hours, expiry, margin and fees per lot."""

from datetime import date
from decimal import Decimal
from typing import Any

from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.calendar.local_time import NS_PER_SECOND
from tradepit.trading.calendar.sessions import Row
from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.terms import SessionPhase
from tradepit.web.diff.naming import outside_symbol
from tradepit.web.diff.orders import contract_name
from tradepit.wire.gateway import InstrumentState

Info = dict[str, Any]
_CLASSES = {"FUTURE": "future", "CONT": "cont"}


def future_info(state: InstrumentState, catalog: Catalog, trading_day: int) -> Info:
    """A future, with every field of the service's schema that this exchange knows; instants are UTC ns."""
    instrument, product = state.instrument, state.instrument.product
    reference = Decimal(state.pre_settlement)
    value = reference * product.multiplier
    year, month = _delivery(catalog, instrument, trading_day)
    limit, market = product.max_limit_lots, product.max_market_lots
    info = _basic(instrument, catalog.calendar, "FUTURE", contract_name(instrument), instrument.symbol)
    return info | {
        "product_id": product.product_id,
        "product_short_name": product.name,
        "pre_close": float(reference),
        "settlement_price": float(reference),
        "pre_open_interest": 0,
        "upper_limit": float(instrument.to_price(state.upper_limit_ticks)),
        "lower_limit": float(instrument.to_price(state.lower_limit_ticks)),
        "expire_datetime": _expiry_ns(instrument, catalog.calendar),
        "expired": trading_day > int(instrument.expiry.strftime("%Y%m%d")),
        "delivery_year": year,
        "delivery_month": month,
        "margin": float(value * product.margin_ratio),
        "commission": float(value * product.fees.open.by_money + product.fees.open.by_volume),
        "max_limit_order_volume": limit,
        "max_market_order_volume": market,
        "min_limit_order_volume": product.min_open_lots,
        "min_market_order_volume": product.min_open_lots if market else 0,
        "open_max_limit_order_volume": limit,
        "open_max_market_order_volume": market,
        "open_min_limit_order_volume": product.min_open_lots,
        "open_min_market_order_volume": product.min_open_lots if market else 0,
        "close_max_limit_order_volume": limit,
        "close_max_market_order_volume": market,
        "close_min_limit_order_volume": product.min_close_lots,
        "close_min_market_order_volume": product.min_close_lots if market else 0,
        "mmsa": product.larger_side_margin,
        "categories": [],
    }


def main_info(underlying: Info) -> Info:
    """The main contract of a product, ``KQ.m@CFFEX.IF``, which stands for ``underlying``."""
    name = f"KQ.m@{outside_symbol(underlying['exchange_id'], underlying['product_id'])}"
    kept = (
        "price_tick",
        "price_decs",
        "volume_multiple",
        "quote_multiple",
        "trading_time",
        "upper_limit",
        "lower_limit",
        "pre_close",
    )
    return {key: underlying[key] for key in kept} | {
        "class": "CONT",
        "instrument_id": name,
        "ins_id": name.removeprefix("KQ."),
        "exchange_id": "KQ",
        "instrument_name": f"{underlying['product_short_name']}主连",
        "english_name": name,
        "product_id": underlying["product_id"],
        "underlying": {"count": 1, "edges": [{"underlying_multiple": 1.0, "node": underlying}]},
    }


def type_of(info: Info) -> str:
    """The name of the schema's type that describes it."""
    return _CLASSES[info["class"]]


def file_entry(info: Info) -> Info:
    """The same contract for clients that read the contract file instead of asking; expiry in seconds."""
    kept = {key: value for key, value in info.items() if key not in ("settlement_price", "underlying", "categories")}
    kept.setdefault("expired", False)
    # The words by which the JavaScript client finds a contract, where the vendor writes the name's romanisation.
    kept["py"] = str(info["product_id"]).lower()
    if "expire_datetime" in info:
        kept["expire_datetime"] = info["expire_datetime"] / NS_PER_SECOND
    if "underlying" in info:
        kept["underlying_symbol"] = info["underlying"]["edges"][0]["node"]["instrument_id"]
    else:
        kept["pre_settlement"] = info["settlement_price"]
    return kept


def trading_hours(calendar: TradingCalendar, group_id: str) -> dict[str, list[list[str]]]:
    """Continuous trading as pairs of ``HH:MM:SS`` in local time; the small hours of a night are 24 and above."""
    group = calendar.group(group_id)
    return {"day": _hours(group.day), "night": _hours(group.night)}


def _hours(rows: tuple[Row, ...]) -> list[list[str]]:
    return [[f"{begin}:00", f"{end}:00"] for phase, begin, end in rows if phase is SessionPhase.CONTINUOUS]


def _basic(instrument: Instrument, calendar: TradingCalendar, kind: str, name: str, short: str) -> Info:
    product = instrument.product
    return {
        "class": kind,
        "instrument_id": name,
        "ins_id": short,
        "exchange_id": product.exchange.value,
        "instrument_name": f"{product.name}{short.removeprefix(product.product_id)}",
        "english_name": short,
        "price_tick": float(product.tick_size),
        "price_decs": max(0, -int(product.tick_size.normalize().as_tuple().exponent)),
        "volume_multiple": float(product.multiplier),
        "quote_multiple": 1.0,
        "trading_time": trading_hours(calendar, product.session_group),
    }


def _expiry_ns(instrument: Instrument, calendar: TradingCalendar) -> int:
    try:
        return calendar.session_close_ns(instrument.expiry, instrument.product.session_group)
    except TradepitError:
        # A year without a calendar: the day itself is known, the hour is that of every close.
        days = (instrument.expiry - date(1970, 1, 1)).days
        return (days * 86_400 + 7 * 3_600) * NS_PER_SECOND


def _delivery(catalog: Catalog, instrument: Instrument, trading_day: int) -> tuple[int, int]:
    try:
        on = date(trading_day // 10_000, trading_day // 100 % 100, trading_day % 100)
        month = catalog.contract_month(instrument.symbol, on)
    except (TradepitError, ValueError):
        return instrument.expiry.year, instrument.expiry.month
    return month.year, month.month
