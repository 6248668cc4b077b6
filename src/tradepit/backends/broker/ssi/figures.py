"""Figures as SSI writes them: numbers or text, with a fraction where none belongs, and words for orders that name no price."""

from decimal import Decimal, InvalidOperation

from tradepit.backends.broker.ssi.frames import Amount
from tradepit.trading.model.errors import BadRequest

_NO_PRICE = frozenset({"", "ATO", "ATC", "MP", "MTL", "MOK", "MAK", "PLO"})
_MAX_MAGNITUDE = 20


def price_of(value: Amount) -> Decimal:
    """A price or an amount; 0 where there is none. Raises BadRequest for what is no number, negative or beyond all measure."""
    if value is None or (isinstance(value, str) and value.strip().upper() in _NO_PRICE):
        return Decimal(0)
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found < 0 or found.adjusted() > _MAX_MAGNITUDE:
        raise BadRequest("not a price", value=str(value)[:24])
    return found


def lots_of(value: Amount) -> int:
    """Lots, 0 where none are told. Raises BadRequest."""
    found = price_of(value)
    if found != found.to_integral_value():
        raise BadRequest("not a number of lots", value=str(value)[:24])
    return int(found)
