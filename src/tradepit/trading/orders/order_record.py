"""What is on record about an order: updates from several sources, merged so that neither their order nor their number matters."""

from collections.abc import Iterable
from decimal import Decimal
from functools import reduce
from hashlib import sha256

import msgspec

from tradepit.trading.model.errors import BadRequest

_MAX_LOTS = 2**31 - 1
_MAX_NS = 2**63 - 1
_MAX_TEXT = 256
_MAX_BODY = 1 << 20
_PRICE_DIGITS, _PRICE_SCALE = 15, 9

Rank = tuple[int, ...]


class _OrderFields(msgspec.Struct, frozen=True, kw_only=True):
    order_id: str
    portfolio_id: str
    symbol: str
    side: str
    offset: str
    status: str
    finished: bool
    volume_lots: int
    left_lots: int
    filled_lots: int
    exchange_order_id: str | None = None
    limit_price: Decimal | None = None
    trade_price: Decimal | None = None
    inserted_ns: int | None = None


class OrderUpdate(_OrderFields, frozen=True, kw_only=True):
    """The whole state of an order as one source told it at ``told_ns`` (UTC ns; 0: it did not say when).

    ``order_id`` is the sender's own. ``symbol``, ``side``, ``offset`` and ``status`` are words of the contract that told it and are
    kept as they are. ``finished``: it can trade no more. ``sequence`` orders updates of one instant. ``trade_price`` is the average.
    """

    told_ns: int = 0
    sequence: int = 0


class OrderRecord(_OrderFields, frozen=True, kw_only=True):
    """All that is known of an order. ``status_rank`` and ``fill_rank`` say which updates status and fill come from (see ``merge``)."""

    status_rank: Rank
    fill_rank: Rank


class OrderEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to an order, told once however often the message comes.

    ``kind`` is the contract's word (COMPLETE_FILL). ``body`` is the message as it came, JSON. ``identity`` is what tells it apart from
    other events of that order and kind, for example the volume filled; when empty, the body itself is.
    """

    order_id: str
    portfolio_id: str
    kind: str
    body: bytes
    identity: str = ""


def record_of(update: OrderUpdate) -> OrderRecord:
    """What one update makes known."""
    fields = {name: getattr(update, name) for name in _OrderFields.__struct_fields__}
    fields["exchange_order_id"] = update.exchange_order_id or None
    return OrderRecord(
        **fields,
        status_rank=(int(update.finished), update.filled_lots, update.told_ns, update.sequence),
        fill_rank=(update.filled_lots, int(update.trade_price is not None), update.told_ns, update.sequence),
    )


def merge(one: OrderRecord, other: OrderRecord) -> OrderRecord:
    """Both records of one order as one: commutative, associative and idempotent, so an older update never undoes a newer one.

    * Status: a finished one beats any other, then the larger filled volume, the later instant, the higher sequence.
    * Fill (filled and left volume, trade price): the larger filled volume, then one that knows its price, the later instant, the
      higher sequence. So a late fill raises the volume of a finished order and does not reopen it.
    * What describes the order does not change in its life: a known value beats an unknown one, and the greater of two different.
    Updates equal in all of that are decided by their content, the greater wins.
    """
    status = max(one, other, key=lambda record: (record.status_rank, record.status))
    fill = max(one, other, key=_fill_key)
    return OrderRecord(
        order_id=one.order_id,
        portfolio_id=max(one.portfolio_id, other.portfolio_id),
        symbol=max(one.symbol, other.symbol),
        side=max(one.side, other.side),
        offset=max(one.offset, other.offset),
        volume_lots=max(one.volume_lots, other.volume_lots),
        exchange_order_id=_greater_text(one.exchange_order_id, other.exchange_order_id),
        limit_price=_greater_price(one.limit_price, other.limit_price),
        inserted_ns=_greater_instant(one.inserted_ns, other.inserted_ns),
        status=status.status,
        finished=status.finished,
        status_rank=status.status_rank,
        filled_lots=fill.filled_lots,
        left_lots=fill.left_lots,
        trade_price=fill.trade_price,
        fill_rank=fill.fill_rank,
    )


def merge_all(updates: Iterable[OrderUpdate]) -> dict[str, OrderRecord]:
    """One record for each order that the updates tell of, by order id, sorted: who locks rows in this order never deadlocks."""
    found: dict[str, list[OrderRecord]] = {}
    for update in updates:
        found.setdefault(update.order_id, []).append(record_of(update))
    return {order_id: reduce(merge, found[order_id]) for order_id in sorted(found)}


def identity_of(event: OrderEvent) -> tuple[str, str, str]:
    """What makes two messages the same event: order, kind, and the identity given or that of the body, whatever its keys' order."""
    if event.identity:
        return event.order_id, event.kind, event.identity
    body = msgspec.json.encode(msgspec.json.decode(event.body), order="sorted")
    return event.order_id, event.kind, f"sha256:{sha256(body).hexdigest()}"


def check_update(update: OrderUpdate) -> OrderUpdate:
    """The update itself when every store can keep it. Raises BadRequest."""
    for name in ("order_id", "portfolio_id", "symbol", "side", "offset", "status"):
        _check_text(name, getattr(update, name))
    if update.exchange_order_id is not None:
        _check_text("exchange_order_id", update.exchange_order_id, empty=True)
    for name in ("volume_lots", "left_lots", "filled_lots"):
        _check_range(name, getattr(update, name), _MAX_LOTS)
    for name in ("inserted_ns", "told_ns", "sequence"):
        _check_range(name, getattr(update, name) or 0, _MAX_NS)
    for name in ("limit_price", "trade_price"):
        _check_price(name, getattr(update, name))
    return update


def check_event(event: OrderEvent) -> OrderEvent:
    """The event itself when every store can keep it. Raises BadRequest."""
    for name in ("order_id", "portfolio_id", "kind"):
        _check_text(name, getattr(event, name))
    _check_text("identity", event.identity, empty=True)
    if len(event.body) > _MAX_BODY:
        raise BadRequest("an event's body is too large", order_id=event.order_id, bytes=len(event.body))
    try:
        # A NUL in a text is JSON, but nothing that a database keeps. Escaped backslashes before it are no escape of its own.
        nul = b"\\u0000" in event.body.replace(b"\\\\", b"")
        msgspec.json.decode(event.body)
        event.body.decode("utf-8")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest("an event's body must be JSON", order_id=event.order_id) from error
    if nul:
        raise BadRequest("an event's body must hold no NUL", order_id=event.order_id)
    return event


def _fill_key(record: OrderRecord) -> tuple[Rank, Decimal, int]:
    return record.fill_rank, record.trade_price or Decimal(0), -record.left_lots


def _greater_text(one: str | None, other: str | None) -> str | None:
    return max(one or "", other or "") or None


def _greater_price(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    known = [price for price in (one, other) if price is not None]
    return max(known) if known else None


def _greater_instant(one: int | None, other: int | None) -> int | None:
    known = [instant for instant in (one, other) if instant is not None]
    return max(known) if known else None


def _check_text(name: str, value: str, *, empty: bool = False) -> None:
    if not (value or empty) or len(value) > _MAX_TEXT or "\0" in value or not value.isprintable():
        raise BadRequest(f"{name} must be printable text of at most {_MAX_TEXT} characters", field=name)


def _check_range(name: str, value: int, most: int) -> None:
    if not 0 <= value <= most:
        raise BadRequest(f"{name} must be from 0 to {most}", field=name)


def _check_price(name: str, value: Decimal | None) -> None:
    if value is None:
        return
    digits = value.normalize().as_tuple() if value.is_finite() else None
    if digits is None or len(digits.digits) > _PRICE_DIGITS or not -_PRICE_SCALE <= int(digits.exponent) <= _PRICE_DIGITS:
        raise BadRequest(f"{name} must be a number of at most {_PRICE_DIGITS} digits", field=name)
