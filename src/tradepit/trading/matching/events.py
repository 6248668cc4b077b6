"""What the venue tells: numbered reports (orders, trades, settlements) and unnumbered news (phases, snapshots, refusals)."""

import msgspec

from tradepit.trading.ledger.statement import SettlementStatement
from tradepit.trading.model.report import DayReport, OrderReport, TradeReport
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Tick


class PhaseChanged(msgspec.Struct, frozen=True, kw_only=True, tag="phase", tag_field="kind"):
    """The session phase of an instrument changed at ``time_ns`` (UTC)."""

    symbol: str
    phase: SessionPhase
    time_ns: int
    trading_day: int


class TickPublished(msgspec.Struct, frozen=True, kw_only=True, tag="tick", tag_field="kind"):
    """A snapshot of the venue's own book (outside quotes included), at the chosen cadence."""

    tick: Tick


class StatementIssued(msgspec.Struct, frozen=True, kw_only=True, tag="statement", tag_field="kind"):
    """The daily settlement statement of one account."""

    statement: SettlementStatement


class CommandRefused(msgspec.Struct, frozen=True, kw_only=True, tag="refused", tag_field="kind"):
    """The command was refused as a whole and changed nothing (stale epoch, no such order, malformed tick …)."""

    code: str
    message: str
    details: dict[str, str] = {}


Event = OrderReport | TradeReport | DayReport | PhaseChanged | TickPublished | StatementIssued | CommandRefused
