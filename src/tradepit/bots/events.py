"""What a bot is told through ``on_event``."""

from enum import StrEnum

import msgspec

from tradepit.trading.model.at_hand import at_hand
from tradepit.trading.model.terms import Offset, SessionPhase, Side


@at_hand
class EventKind(StrEnum):
    """What happened: to an own order (the first six), or to the market's time."""

    ACK = "ack"
    FILL = "fill"
    CANCEL = "cancel"
    REJECT = "reject"
    EXPIRE = "expire"
    UNKNOWN = "unknown"
    DAY = "day"
    PHASE = "phase"


class BotEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event. Prices are quoted units (0.0 = none), volumes lots, instants UTC ns, ``fee`` money of the contract's currency.

    ``lots`` are those of this event (a fill's own), ``filled`` and ``left`` the order's after it. ``reason`` is a stable code.
    """

    kind: EventKind
    time_ns: int
    symbol: str = ""
    order_id: str = ""
    sequence: int = 0
    side: Side | None = None
    offset: Offset | None = None
    price: float = 0.0
    lots: int = 0
    filled: int = 0
    left: int = 0
    fee: float = 0.0
    reason: str = ""
    message: str = ""
    trading_day: int = 0
    phase: SessionPhase | None = None
