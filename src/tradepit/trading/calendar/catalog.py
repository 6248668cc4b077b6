"""The catalogue: every product of the packaged files, and instruments made from their contract codes."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache

import msgspec

from tradepit.trading.calendar.contracts import ContractMonth, delivery_month, parse_symbol
from tradepit.trading.calendar.expiry import expiry_of
from tradepit.trading.calendar.product_files import Listing, check_product, read_listings
from tradepit.trading.calendar.trading_calendar import TradingCalendar, load_calendar
from tradepit.trading.model.errors import ConfigError, InstrumentNotFound
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.product import Product
from tradepit.trading.model.terms import Exchange

FIXED = frozenset({"product_id", "exchange"})


class Catalog:
    """Products by id and instruments by contract code. Immutable: ``overridden`` makes another."""

    def __init__(self, listings: Iterable[Listing], calendar: TradingCalendar) -> None:
        """Raises ConfigError for an id used twice, a figure out of range or an unknown session group."""
        self._listings: dict[str, Listing] = {}
        self._calendar = calendar
        for listing in listings:
            product = listing.product
            if product.product_id in self._listings:
                raise ConfigError(f"product {product.product_id} is listed twice")
            check_product(product)
            calendar.days(product.session_group)
            self._listings[product.product_id] = listing

    @property
    def products(self) -> tuple[Product, ...]:
        """Every product."""
        return tuple(listing.product for listing in self._listings.values())

    @property
    def calendar(self) -> TradingCalendar:
        """The calendar instruments expire by."""
        return self._calendar

    def listing(self, product_id: str) -> Listing:
        """The product with its contract rules and sources. Raises InstrumentNotFound."""
        try:
            return self._listings[product_id]
        except KeyError:
            raise InstrumentNotFound(product=product_id[:64]) from None

    def product(self, product_id: str) -> Product:
        """The product ``product_id`` (case matters: ``IF``, ``rb``, ``VN30F``). Raises InstrumentNotFound."""
        return self.listing(product_id).product

    def product_of(self, symbol: str) -> Product:
        """The product a contract code belongs to, without knowing the date. Raises InstrumentNotFound."""
        return parse_symbol(symbol, self._listings)[0].product

    def contract_month(self, symbol: str, on: date) -> ContractMonth:
        """Which delivery month ``symbol`` names on ``on``; aliases of one contract give the same. Raises InstrumentNotFound."""
        days = self._calendar.days(self.product_of(symbol).session_group)
        return delivery_month(symbol, on, self._listings, days)

    def instrument(self, symbol: str, *, on: date, listing_price: Decimal, expiry: date | None = None) -> Instrument:
        """The instrument a contract code names on ``on``, under that very symbol. ``listing_price`` is in quoted units.

        ``expiry`` (last trading day) follows from the product's rule; name it for a contract that expires in a year without
        holiday data. Raises InstrumentNotFound, and CalendarUnknown when the expiry cannot be known.
        """
        product = self.product_of(symbol)
        days = self._calendar.days(product.session_group)
        month = delivery_month(symbol, on, self._listings, days)
        if expiry is None:
            expiry = expiry_of(self.listing(product.product_id).expiry_rule, month.year, month.month, days)
        return Instrument(symbol=symbol, product=product, expiry=expiry, listing_price=listing_price)

    def overridden(self, changes: Mapping[str, Mapping[str, object]]) -> "Catalog":
        """A catalogue with fields of products replaced, as settings name them: ``{"rb": {"margin_ratio": "0.12"}}``.

        Raises InstrumentNotFound for an unknown product, ConfigError for a field that is unknown, fixed or out of range.
        """
        listings = dict(self._listings)
        for product_id, fields in changes.items():
            listing = self.listing(product_id)
            listings[product_id] = msgspec.structs.replace(listing, product=_changed(listing.product, fields))
        return Catalog(listings.values(), self._calendar)


def _changed(product: Product, fields: Mapping[str, object]) -> Product:
    wrong = sorted(set(fields) - set(product.__struct_fields__) | set(fields) & FIXED)
    if wrong:
        raise ConfigError(f"product {product.product_id}: cannot set {wrong}")
    try:
        return msgspec.convert(msgspec.to_builtins(product) | dict(fields), Product)
    except msgspec.ValidationError as error:
        raise ConfigError(f"product {product.product_id}: {error}") from error


@cache
def load_catalog() -> Catalog:
    """The catalogue of the packaged product files: CFFEX, SHFE, INE, DCE, CZCE, GFEX and HNX. Raises ConfigError."""
    return Catalog([listing for exchange in Exchange for listing in read_listings(exchange)], load_calendar())
