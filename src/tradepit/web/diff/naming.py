"""Names between DIFF and the house: ``CFFEX.IF2501`` and IF2501, a client's free order ids and our tokens, users and accounts."""

import re
from hashlib import sha256

from tradepit.trading.model.order import OrderIntent

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_MARK = "DIFF:"
_KINDS = {"LIMIT": "L", "ANY": "A", "BEST": "B", "FIVELEVEL": "F"}
_PRICE_TYPES = {letter: name for name, letter in _KINDS.items()}
_DIGITS = 40
MAX_ORDER_ID = 240


def outside_symbol(exchange: str, symbol: str) -> str:
    """The contract's name outside."""
    return f"{exchange}.{symbol}"


def account_of(user_name: str) -> str:
    """The house's account of a user: its name where that is a token, else one derived from it, always the same."""
    return _token_of(user_name, "u")


def client_order_id_of(order_id: str) -> str:
    """The house's id of a client's order: the client's own where it is a token, else one derived from it, always the same."""
    return _token_of(order_id, "d")


def reference_of(order_id: str, price_type: str) -> str:
    """What the house keeps with the order where its own fields do not tell the client's id or price type."""
    plain = order_id == client_order_id_of(order_id) and price_type in ("LIMIT", "ANY")
    return "" if plain else f"{_MARK}{_KINDS.get(price_type, 'L')}:{order_id}"


def order_id_of(client_order_id: str, reference: str) -> str:
    """The id under which DIFF clients know an order, whoever sent it."""
    if reference.startswith(_MARK):
        return reference[len(_MARK) + 2 :]
    return client_order_id


def price_type_of(intent: OrderIntent) -> str:
    """The price type as the client named it."""
    if intent.reference.startswith(_MARK):
        return _PRICE_TYPES.get(intent.reference[len(_MARK)], "LIMIT")
    return "LIMIT" if intent.order_type.priced else "ANY"


def _token_of(text: str, prefix: str) -> str:
    if _TOKEN.fullmatch(text):
        return text
    return f"{prefix}-{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGITS]}"
