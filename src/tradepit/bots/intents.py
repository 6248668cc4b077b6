"""What a bot may want: an order, a cancel, a target position; as typed values, and read from the dicts bots may write."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

import msgspec

from tradepit.trading.model.errors import BadRequest, PriceNotValid, VolumeNotValid
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.instrument import MAX_TICKS
from tradepit.trading.model.terms import Offset, OrderType, Side

_Word = TypeVar("_Word", bound=StrEnum)
Price: TypeAlias = Decimal | float | int | str


class PlaceOrder(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Send an order. ``price`` (quoted units) None is a market order. ``offset`` None closes what can be closed, and opens the rest."""

    symbol: str
    side: Side
    lots: int
    price: Price | None = None
    order_type: OrderType | None = None
    offset: Offset | None = None


class CancelOrders(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Cancel one own order by its id, or all working ones of a contract, or, with neither, all of the bot's."""

    order_id: str = ""
    symbol: str = ""


class TargetPosition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Have a net position of ``lots`` (negative: short), counting what works already. Wanting it again changes nothing.

    ``price`` None takes the best price of the other side.
    """

    symbol: str
    lots: int
    price: Price | None = None


class Sent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The answer of ``ctx.buy`` and its kin: the ids of the orders on their way. Yielding it from ``on_tick`` as well is harmless.

    ``refused`` is a stable code when nothing was sent; ``message`` says more.
    """

    order_ids: tuple[str, ...] = ()
    refused: str = ""
    message: str = ""

    @property
    def order_id(self) -> str:
        """The id of the first order, empty when there is none."""
        return self.order_ids[0] if self.order_ids else ""

    def __bool__(self) -> bool:
        return bool(self.order_ids)


Intent: TypeAlias = PlaceOrder | CancelOrders | TargetPosition | Sent

_TYPED = (PlaceOrder, CancelOrders, TargetPosition, Sent)
_PLACE = frozenset({"action", "symbol", "side", "qty", "price", "type", "offset"})
_CANCEL = frozenset({"action", "order_id", "symbol"})
_TARGET = frozenset({"action", "symbol", "qty", "price"})


def read_intent(told: object) -> Intent:
    """The intent a bot returned. Raises BadRequest and its kin (INVALID_REQUEST, VOLUME_NOT_VALID, PRICE_NOT_VALID, ID_NOT_VALID).

    A dict's ``action`` is ``order`` (also when not given), ``cancel`` or ``target``; keys it does not know are refused, because a
    misspelled one would trade something else than was meant.
    """
    if isinstance(told, _TYPED):
        return told
    # Asking whether something is a mapping costs as much as reading one, and what comes is a dict.
    if type(told) is not dict and not isinstance(told, Mapping):
        raise BadRequest("An intent is a dict or one of the typed intents.", type=type(told).__name__)
    action = told.get("action", "order")
    reader = _READERS.get(action) if isinstance(action, str) else None
    if reader is None:
        raise BadRequest("The action is order, cancel or target.", action=str(action)[:32])
    return reader(told)


def _read_place(told: Mapping[str, Any]) -> PlaceOrder:
    _check_keys(told, _PLACE, ("symbol", "side", "qty"))
    return place_order(told["symbol"], told["side"], told["qty"], told.get("price"), told.get("type"), told.get("offset"))


def place_order(
    symbol: object,
    side: object,
    lots: object,
    price: Any,  # noqa: ANN401 - ``check_price`` says what it may be
    order_type: object,
    offset: object,
) -> PlaceOrder:
    """An order of what a bot said. Raises as ``read_intent``."""
    return PlaceOrder(
        symbol=read_symbol(symbol),
        side=read_side(side),
        lots=read_lots(lots),
        price=price,
        order_type=_word(order_type, OrderType, "type"),
        offset=_word(offset, Offset, "offset"),
    )


def _read_cancel(told: Mapping[str, Any]) -> CancelOrders:
    _check_keys(told, _CANCEL, ())
    order_id, symbol = told.get("order_id", ""), told.get("symbol", "")
    if not isinstance(order_id, str):
        raise BadRequest("An order id is text.", field="order_id")
    return CancelOrders(order_id=order_id, symbol=read_symbol(symbol) if symbol != "" else "")


def _read_target(told: Mapping[str, Any]) -> TargetPosition:
    _check_keys(told, _TARGET, ("symbol", "qty"))
    return TargetPosition(symbol=read_symbol(told["symbol"]), lots=read_lots(told["qty"], signed=True), price=told.get("price"))


_READERS: dict[str, Callable[[Mapping[str, Any]], Intent]] = {
    "order": _read_place,
    "cancel": _read_cancel,
    "target": _read_target,
}


def read_side(told: object) -> Side:
    """``buy`` or ``sell`` in any case. Raises BadRequest."""
    side = _word(told, Side, "side")
    if side is None:
        raise BadRequest("The side is buy or sell.", field="side")
    return side


def read_lots(told: object, *, signed: bool = False) -> int:
    """A whole number of lots, above 0 unless ``signed``. Raises VolumeNotValid."""
    if type(told) is int and 0 < told <= MAX_TICKS:
        return told
    if isinstance(told, bool) or not isinstance(told, (int, float, Decimal)):
        # numpy's integers are none of Python's, and count.
        index = getattr(told, "__index__", None)
        if isinstance(told, bool) or index is None:
            raise VolumeNotValid(qty=str(told)[:32])
        told = index()
    try:
        lots = int(told)  # type: ignore[call-overload]  # narrowed above
    except (ValueError, OverflowError) as error:
        raise VolumeNotValid(qty=str(told)[:32]) from error
    if lots != told or abs(lots) > MAX_TICKS or not (signed or lots > 0):
        raise VolumeNotValid(qty=str(told)[:32])
    return int(lots)


def read_symbol(told: object) -> str:
    """A contract code. Raises BadRequest, IdNotValid."""
    if not isinstance(told, str):
        raise BadRequest("A symbol is text.", field="symbol")
    return _check_symbol(told)


@lru_cache(maxsize=1024)
def _check_symbol(told: str) -> str:
    """Contracts are few and ordered many times: each is read once."""
    return check_id(told, "symbol")


def check_price(told: object) -> Price | None:
    """A price as it may be given, None for none. Raises PriceNotValid for other things."""
    if told is None or (isinstance(told, (float, Decimal, int, str)) and not isinstance(told, bool)):
        return told
    number = getattr(told, "item", None)  # numpy's numbers
    if isinstance(told, bool) or number is None:
        raise PriceNotValid(price=str(told)[:32])
    found = number()
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise PriceNotValid(price=str(told)[:32])
    return found


def _check_keys(told: Mapping[str, Any], known: frozenset[str], needed: tuple[str, ...]) -> None:
    if not known.issuperset(told):
        strange = min(str(key)[:32] for key in told if key not in known)
        raise BadRequest("The intent has a key nobody knows.", field=strange)
    for key in needed:
        if key not in told:
            raise BadRequest("The intent lacks a key.", field=key)


def _word(told: object, vocabulary: type[_Word], field: str) -> _Word | None:
    if told is None or isinstance(told, vocabulary):
        return told
    try:
        return vocabulary(told.upper() if isinstance(told, str) else str(told))
    except ValueError as error:
        raise BadRequest(f"{field} is one of {', '.join(vocabulary)}.", field=field, value=str(told)[:32]) from error
