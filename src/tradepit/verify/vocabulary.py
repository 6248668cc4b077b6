"""The words of the journals, written down a second time: statuses, codes, and the six fields that make an order what it is."""

from functools import lru_cache
from sys import intern
from typing import NamedTuple

from tradepit.verify.decoding import Json
from tradepit.verify.findings import Key, new

IN_DOUBT = frozenset({"PENDING_NEW", "SENDING", "UNKNOWN"})
TERMINAL = frozenset({"RISK_REJECTED", "FILLED", "CANCELLED", "REJECTED", "EXPIRED"})
NOT_SENT = "NOT_SENT"

# Answers that settle nothing: the client is to ask again with the same id.
UNSETTLED = frozenset({"NOT_ACTIVE", "OUTCOME_UNKNOWN", "SERVICE_UNAVAILABLE", "TIMEOUT", "INTERNAL_ERROR", "STALE_EPOCH"})
OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
DUPLICATE_ID = "DUPLICATE_ID"


class Intent(NamedTuple):
    """What was asked for. ``price_ticks`` is 0 for a market order."""

    symbol: str
    side: str
    offset: str
    order_type: str
    price_ticks: int
    volume_lots: int

    @staticmethod
    def of(record: Json) -> "Intent":
        """From the JSON of an intent in a journal."""
        return _intent(
            record["symbol"],
            record["side"],
            record["offset"],
            record["order_type"],
            int(record["price_ticks"]),
            int(record["volume_lots"]),
        )

    def allows(self, price_ticks: int) -> bool:
        """Whether a fill at this price is within the order's limit."""
        if self.order_type == "MARKET":
            return True
        return price_ticks <= self.price_ticks if self.side == "BUY" else price_ticks >= self.price_ticks

    def __str__(self) -> str:
        return f"{self.side} {self.offset} {self.volume_lots} {self.symbol} @ {self.price_ticks} {self.order_type}"


class State(NamedTuple):
    """An order's state as one report tells it."""

    status: str
    traded_lots: int
    left_lots: int

    def __str__(self) -> str:
        return f"{self.status} {self.traded_lots} traded, {self.left_lots} left"


@lru_cache(maxsize=1 << 16)
def state_of(status: str, traded_lots: int, left_lots: int) -> State:
    """A state; equal ones are kept once, since a journal repeats few of them very often."""
    return State(intern(status), traded_lots, left_lots)


@lru_cache(maxsize=1 << 16)
def _intent(symbol: str, side: str, offset: str, order_type: str, price_ticks: int, volume_lots: int) -> Intent:
    return Intent(intern(symbol), intern(side), intern(offset), intern(order_type), price_ticks, volume_lots)


class Fill(NamedTuple):
    """One side of a trade: whose, of which order, how many lots, at what price, and the number of its report."""

    account: str
    client_order_id: str
    order_id: str
    symbol: str
    price_ticks: int
    volume_lots: int
    sequence: int


def key_of(fill: Fill) -> Key:
    """The intent whose order was filled."""
    return new(Key, fill[:2])


FillId = tuple[int, str, str, str]
"""(trading day, exchange, trade id, side): what names one fill."""


def fill_of(trade: Json, sequence: int) -> tuple[FillId, Fill]:
    """From the JSON of a trade in a report."""
    name = (int(trade["trading_day"]), intern(trade["exchange"]), intern(trade["trade_id"]), intern(trade["side"]))
    told = (
        intern(trade["account"]),
        intern(trade["client_order_id"]),
        intern(trade["order_id"]),
        intern(trade["symbol"]),
        int(trade["price_ticks"]),
        int(trade["volume_lots"]),
        sequence,
    )
    return name, new(Fill, told)
