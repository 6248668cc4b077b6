"""A tick message as a row of plain numbers: what the recorder keeps of ``market.tick.*``, checked while it is decoded."""

from datetime import datetime
from typing import Annotated

import msgspec

from tradepit.runtime.tick_columns import MAX_LEVELS, columns, is_count, is_text
from tradepit.trading.model.errors import BadRequest, PayloadTooLarge
from tradepit.trading.model.instrument import MAX_TICKS

MAX_TICK_BYTES = 16 * 1024
COLUMNS = columns(MAX_LEVELS)
_PATTERNS = {"trading_day": r"^[0-9]{8}$", "symbol": r"^[A-Za-z0-9_-]{1,64}$", "exchange": r"^[A-Z]{1,16}$"}
_ANY_PRICE = Annotated[float, msgspec.Meta(ge=0, le=1e24)]
_ANY_COUNT = Annotated[int, msgspec.Meta(ge=0, le=MAX_TICKS)]
_ANY_TIME = Annotated[datetime, msgspec.Meta(tz=True)]


def _field(name: str) -> tuple[str, object] | tuple[str, object, object]:
    deep = name.rsplit("_", 1)[-1]
    kind: object = _ANY_PRICE
    if name == "datetime":
        kind = _ANY_TIME
    elif is_text(name):
        kind = Annotated[str, msgspec.Meta(pattern=_PATTERNS[name])]
    elif is_count(name):
        kind = _ANY_COUNT
    if deep.isdecimal() and deep != "1":
        return (name, kind, 0)
    return (name, kind)


_ROW = msgspec.defstruct("TickRow", [_field(name) for name in COLUMNS], frozen=True, gc=False)
_DECODER = msgspec.json.Decoder(_ROW)

Row = tuple[object, ...]


def read_row(payload: bytes, subject: str) -> Row:
    """The message's values in the order of ``COLUMNS``; prices are floats, the nearest to what was written.

    Raises BadRequest (not JSON, a field missing, of the wrong type or out of range, a symbol that is not its topic's),
    PayloadTooLarge.
    """
    if len(payload) > MAX_TICK_BYTES:
        raise PayloadTooLarge(size=len(payload), limit=MAX_TICK_BYTES)
    try:
        row = msgspec.structs.astuple(_DECODER.decode(payload))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadRequest(str(error)[:200]) from error
    if row[2] != subject.rpartition(".")[2]:
        raise BadRequest("the symbol is not its topic's", subject=subject[:80])
    return row
