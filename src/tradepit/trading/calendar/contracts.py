"""Contract codes: which product and delivery month a symbol names, in each exchange's spelling."""

from collections.abc import Mapping
from datetime import date

import msgspec

from tradepit.trading.calendar.expiry import expiry_of
from tradepit.trading.calendar.product_files import CodeStyle, Listing
from tradepit.trading.calendar.trading_days import TradingDays
from tradepit.trading.model.errors import InstrumentNotFound

# HNX's own codes since May 2025 run through 30 year letters, 2010 = "0" (so 2025 = "F"), and hexadecimal months.
KRX_YEARS = "0123456789ABCDEFGHJKLMNPQRSTVW"
KRX_FIRST_YEAR = 2010
KRX_MONTHS = "123456789ABC"
KRX_REST = 2
YEARS_BACK = 4
QUARTER = 3
ALIASES = ("1M", "2M", "1Q", "2Q")


class ContractMonth(msgspec.Struct, frozen=True):
    """A product's delivery month."""

    product_id: str
    year: int
    month: int


def parse_symbol(symbol: str, listings: Mapping[str, Listing]) -> tuple[Listing, str]:
    """The listing a contract code belongs to and the rest of the code. Raises InstrumentNotFound. Case matters."""
    for style, size in ((CodeStyle.YYMM, 4), (CodeStyle.HNX, 4), (CodeStyle.YMM, 3), (CodeStyle.HNX, 2)):
        listing, rest = listings.get(symbol[:-size]), symbol[-size:]
        if listing is not None and listing.code_style is style and _spelled(rest):
            return listing, rest
    prefix, year, month, series = symbol[:4], symbol[4:5], symbol[5:6], symbol[6:]
    for listing in listings.values():
        if listing.krx_code == prefix and year and month and series == "000" and year in KRX_YEARS and month in KRX_MONTHS:
            return listing, year + month
    raise InstrumentNotFound(symbol=symbol[:64])


def delivery_month(symbol: str, on: date, listings: Mapping[str, Listing], days: TradingDays) -> ContractMonth:
    """What ``symbol`` names on the day ``on``: IF2501, TA512, VN30F2511, 41I1FB000, or the rolling VN30F1M, 2M, 1Q, 2Q.

    A three-digit CZCE code gets the year nearest to ``on`` (4 back to 5 ahead). VN30F1M rolls the day after the third Thursday;
    1Q and 2Q are the quarters' last months after 2M. Raises InstrumentNotFound, and CalendarUnknown for a rolling code.
    """
    listing, rest = parse_symbol(symbol, listings)
    product_id = listing.product.product_id
    if rest in ALIASES:
        return _rolling(listing, rest, on, days)
    year, month = _krx(rest) if len(rest) == KRX_REST else _digits(rest, on)
    if not 1 <= month <= 12:
        raise InstrumentNotFound(symbol=symbol[:64])
    return ContractMonth(product_id, year, month)


def _spelled(rest: str) -> bool:
    return (rest.isascii() and rest.isdecimal()) or rest in ALIASES


def _digits(rest: str, on: date) -> tuple[int, int]:
    year, month = int(rest[:-2]), int(rest[-2:])
    if len(rest) == 4:
        return 2000 + year, month
    first = on.year - YEARS_BACK
    return first + (year - first) % 10, month


def _krx(rest: str) -> tuple[int, int]:
    return KRX_FIRST_YEAR + KRX_YEARS.index(rest[0]), KRX_MONTHS.index(rest[1]) + 1


def _rolling(listing: Listing, alias: str, on: date, days: TradingDays) -> ContractMonth:
    front = on.year * 12 + on.month - 1
    if expiry_of(listing.expiry_rule, *_split(front), days) < on:
        front += 1
    quarter = front + 2 + (-(front + 3)) % QUARTER
    number = {"1M": front, "2M": front + 1, "1Q": quarter, "2Q": quarter + QUARTER}[alias]
    return ContractMonth(listing.product.product_id, *_split(number))


def _split(number: int) -> tuple[int, int]:
    return number // 12, number % 12 + 1
