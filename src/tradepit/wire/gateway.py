"""The exchange's own contract: bodies and replies of ``rpc.trading-gateway.<method>``, for order management and market data.

Bodies of send_order, cancel_order, reduce_order, resolve_order, open_session, open_account, transfer and list_instrument are the
venue's commands themselves (trading/matching/commands.py). Orders, trades and ticks are the model's JSON: integer ticks, BUY and
SELL, UTC ns. A refused request is answered with ``ErrorReply``'s fields.
"""

from typing import TypeVar

import msgspec

from tradepit.trading.ledger.statement import SettlementStatement
from tradepit.trading.matching.faults import FaultPlan
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import BadRequest, PayloadTooLarge
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.position import Position
from tradepit.trading.model.report import Report
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Level, Tick
from tradepit.trading.records.bars import Bar

SERVICE = "trading-gateway"
MAX_BATCH_BYTES = 256 * 1024
MAX_BATCH_TICKS = 512
MAX_BATCH_ORDERS = 128
MAX_REPORTS = 1_000
MAX_ORDERS = 500
MAX_INSTRUMENTS = 500
MAX_DEPTH = 100
MAX_REPLY_BYTES = 512 * 1024
_MOST = 2**63 - 1

_REPORT_DECODER: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)
_ENCODER = msgspec.json.Encoder()

Body = TypeVar("Body")


class QueryOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Body of query_order: an order by its sender's id."""

    account: str
    client_order_id: str


class QueryAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Body of account and positions."""

    account: str


class QueryStatement(msgspec.Struct, frozen=True, kw_only=True):
    """Body of statement: that of ``trading_day`` (YYYYMMDD, of the last forty settled), 0 for the last one."""

    account: str
    trading_day: int = 0


class QueryOrders(msgspec.Struct, frozen=True, kw_only=True):
    """Body of orders: an account's orders of this trading day and the one before; ``active`` leaves finished ones out."""

    account: str
    active: bool = False
    offset: int = 0
    limit: int = MAX_ORDERS


class ReportsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of reports: those numbered above ``after``, at most ``limit`` of them."""

    after: int = 0
    limit: int = MAX_REPORTS


class TicksRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of update_prices: model ticks, oldest first. Each is judged for itself."""

    ticks: list[msgspec.Raw]


class OrderBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Body of send_orders: bodies of send_order, in the order in which they are done. Each is judged for itself."""

    orders: list[msgspec.Raw]


class AdvanceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of advance_time (exchanges whose time is driven by ticks): the exchange's instant becomes ``now_ns`` (UTC ns)."""

    now_ns: int


class QueryInstruments(msgspec.Struct, frozen=True, kw_only=True):
    """Body of instruments: a page of the listed contracts, in the order of listing."""

    offset: int = 0
    limit: int = MAX_INSTRUMENTS


class DepthRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of depth: the book of ``symbol``, own orders and outside quotes together, ``levels`` best prices of each side."""

    symbol: str
    levels: int = 5


class BarsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of bars (houses with a broker that tells the past): a contract's bars of a minute on ``trading_day`` (YYYYMMDD)."""

    symbol: str
    trading_day: int


class FaultsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of faults: a plan replaces the present one; without one the present plan is only read."""

    plan: FaultPlan | None = None


class Nothing(msgspec.Struct, frozen=True, kw_only=True):
    """Body of instruments, status and digest: nothing needs to be said."""


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every reply may carry instead of its own fields: a stable code, a sentence, values. ``error`` is empty on success."""

    error: str = ""
    message: str = ""
    details: dict[str, str] = {}


class OrderReply(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Reply of send_order, cancel_order, reduce_order, resolve_order and query_order: the order now; none if not known."""

    order: Order | None = None


class OrderBatchReply(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Reply of send_orders: to each order what send_order would have answered, in the same order."""

    replies: list[OrderReply] = []


class OrdersReply(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Reply of orders: one page, and how many there are in all."""

    orders: list[Order] = []
    total: int = 0


class AccountReply(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Reply of account."""

    account: Account | None = None


class PositionsReply(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Reply of positions."""

    positions: list[Position] = []


class StatementReply(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Reply of statement: an account's daily settlement statement; none where there is none of that day."""

    statement: SettlementStatement | None = None


class ReportsReply(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Reply of reports: model reports in order without gaps, and ``last``, the number of the newest one there is."""

    reports: list[msgspec.Raw] = []
    last: int = 0


class TickRefused(msgspec.Struct, frozen=True, kw_only=True):
    """One refused tick of a batch: its place in the batch, the code, and what is wrong."""

    index: int
    code: str
    message: str


class TicksReply(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Reply of update_prices, sent once all ticks were applied: senders wait for it, so none runs ahead of the exchange."""

    accepted: int = 0
    refused: list[TickRefused] = []


class Done(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Reply of open_session, open_account, transfer, list_instrument, advance_time: the instant at which it was done."""

    now_ns: int = 0


class InstrumentState(msgspec.Struct, frozen=True, kw_only=True):
    """A listed contract today: phase, price limits (integer ticks), previous settlement (a decimal string, quoted units)."""

    instrument: Instrument
    phase: SessionPhase
    lower_limit_ticks: int
    upper_limit_ticks: int
    pre_settlement: str


class InstrumentsReply(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Reply of instruments: one page, and how many there are in all."""

    instruments: list[InstrumentState] = []
    trading_day: int = 0
    total: int = 0


class DepthReply(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Reply of depth: best levels first, and the market as its next snapshot on ``market.depth.*`` would show it."""

    bids: list[Level] = []
    asks: list[Level] = []
    tick: Tick | None = None


class BarsReply(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Reply of bars, oldest first: UTC ns at which the minute begins, prices in quoted units, lots. A minute that runs is left out."""

    bars: list[Bar] = []


class FaultsReply(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Reply of faults: the plan in force and how often each kind has struck since it was set."""

    plan: FaultPlan | None = None
    injected: dict[str, int] = {}


class StatusReply(Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Reply of status and digest. ``digest`` is the hash of the venue's state after journal entry ``entry``."""

    instance: str = ""
    epoch: int = 0
    entry: int = 0
    digest: str = ""
    last_report: int = 0
    trading_day: int = 0
    now_ns: int = 0
    figures: dict[str, str | int | float | bool] = {}


def encode(value: object) -> bytes:
    """JSON bytes; decimals as strings."""
    return _ENCODER.encode(value)


def read_body(payload: bytes, decoder: "msgspec.json.Decoder[Body]", limit: int) -> Body:
    """A request body; an empty payload is an empty object. Raises BadRequest, PayloadTooLarge (``limit`` bytes)."""
    if len(payload) > limit:
        raise PayloadTooLarge(size=len(payload), limit=limit)
    try:
        return decoder.decode(payload or b"{}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError, ValueError) as error:
        raise BadRequest(str(error)[:200]) from error


def check_page(offset: int, limit: int, most: int) -> None:
    """Where a page of an answer begins (or the number it follows), and how much may be on it. Raises BadRequest."""
    if not 0 <= offset <= _MOST or not 0 < limit <= most:
        raise BadRequest("page out of range", limit=most)


def read_report(payload: bytes | msgspec.Raw) -> Report:
    """A model report as published on ``broker.reports``. Raises BadRequest."""
    try:
        return _REPORT_DECODER.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError, ValueError) as error:
        raise BadRequest(str(error)[:200]) from error


def read_reports(payload: bytes) -> list[Report]:
    """The model reports of a ``reports`` reply. Raises BadRequest."""
    try:
        reply = msgspec.json.decode(payload, type=ReportsReply)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadRequest(str(error)[:200]) from error
    return [read_report(raw) for raw in reply.reports]
