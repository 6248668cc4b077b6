"""Reads the exchange's events journal and checks it against itself: numbers, trades, volumes, prices, endings."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from tradepit.verify.decoding import FieldMissing, Json, numbered
from tradepit.verify.entries import Entry
from tradepit.verify.findings import NOBODY, Findings, Key, new
from tradepit.verify.order_of_entries import EntryOrder
from tradepit.verify.vocabulary import TERMINAL, Fill, FillId, Intent, State, fill_of, key_of, state_of

JOURNAL = "reports"


@dataclass(slots=True)
class Told:
    """One order at the exchange: every state it had with its report's number, and the lots of its trades. Instants are UTC ns."""

    intent: Intent
    order_id: str
    inserted_ns: int
    states: list[tuple[int, State]] = field(default_factory=list)
    fill_lots: int = 0
    fill_ns: int = 0
    entry: int = 0
    reason: str = ""
    updated_ns: int = 0

    @property
    def state(self) -> State:
        """The last state told."""
        return self.states[-1][1]


@dataclass(slots=True)
class VenueReports:
    """The whole journal. ``last`` is the number of the last report, ``now_ns`` its instant."""

    orders: dict[Key, Told] = field(default_factory=dict)
    fills: dict[FillId, Fill] = field(default_factory=dict)
    last: int = 0
    now_ns: int = 0
    entries: int = 0


def read_venue_reports(entries: Iterator[Entry], location: str, findings: Findings) -> VenueReports:
    """Fold the journal. Raises UnreadableError."""
    reader = _Reader(findings)
    order = EntryOrder(JOURNAL, findings)
    with FieldMissing(location) as guard:
        for entry, records in numbered(entries, guard):
            order.check(entry)
            reader.here = f"{JOURNAL}#{entry.sequence}"
            reader.entry = entry.sequence
            for record in records:
                reader.read(record)
    reader.reports.entries = order.last
    return reader.reports


class _Reader:
    def __init__(self, findings: Findings) -> None:
        self.reports = VenueReports()
        self.findings = findings
        self.here = ""
        self.entry = 0

    def read(self, report: Json) -> None:
        sequence, time_ns, reports = int(report["sequence"]), int(report["time_ns"]), self.reports
        if sequence != reports.last + 1:
            text = f"report {sequence} follows report {reports.last}"
            self.findings.unexplained("REPORT_GAP", NOBODY, text, (self.here,))
        if time_ns < reports.now_ns:
            text = f"report {sequence} is of an earlier instant than the one before"
            self.findings.unexplained("REPORT_TIME_FELL", NOBODY, text, (self.here,))
        reports.last, reports.now_ns = max(reports.last, sequence), max(reports.now_ns, time_ns)
        kind = report["kind"]
        if kind == "trade":
            self._trade(report["trade"], sequence)
        elif kind == "order":
            self._order(report["order"], sequence)
        elif kind != "day":
            raise ValueError(f"kind {kind}")

    def _trade(self, trade: Json, sequence: int) -> None:
        name, fill = fill_of(trade, sequence)
        fills = self.reports.fills
        if name in fills:
            text = f"trade {name[2]} {name[3]} was told twice"
            self.findings.duplicated("TRADE_TWICE", key_of(fill), text, (self.here,))
            return
        fills[name] = fill
        self._check_other_side(name, fill)
        told = self.reports.orders.get(key_of(fill))
        if told is None:
            self.findings.unexplained("TRADE_OF_NO_ORDER", key_of(fill), f"trade {name[2]} belongs to no order", (self.here,))
            return
        told.fill_lots += fill.volume_lots
        told.fill_ns = self.reports.now_ns
        self._check_fill(told, name, fill)

    def _check_other_side(self, name: FillId, fill: Fill) -> None:
        other = self.reports.fills.get((*name[:3], "SELL" if name[3] == "BUY" else "BUY"))
        if other is None:
            return
        if (other.symbol, other.price_ticks, other.volume_lots) != (fill.symbol, fill.price_ticks, fill.volume_lots):
            text = (
                f"trade {name[2]}: one side has {other.volume_lots} at {other.price_ticks} ({other.symbol}), "
                f"the other {fill.volume_lots} at {fill.price_ticks} ({fill.symbol})"
            )
            self.findings.unexplained("SIDES_DIFFER", key_of(fill), text, (self.here,))

    def _check_fill(self, told: Told, name: FillId, fill: Fill) -> None:
        intent, key, here = told.intent, key_of(fill), (self.here,)
        if (name[3], fill.symbol, fill.order_id) != (intent.side, intent.symbol, told.order_id):
            text = f"trade {name[2]} {name[3]} {fill.symbol} of {fill.order_id} is not of order {told.order_id}: {intent}"
            self.findings.unexplained("TRADE_OF_OTHER_ORDER", key, text, here)
        if not intent.allows(fill.price_ticks):
            text = f"trade {name[2]} at {fill.price_ticks} is outside the limit of {intent}"
            self.findings.unexplained("OUTSIDE_LIMIT", key, text, here)
        if told.state.status in TERMINAL:
            text = f"trade {name[2]} after the order had ended {told.state.status}"
            self.findings.unexplained("FILL_AFTER_END", key, text, here)
        if told.fill_lots > intent.volume_lots:
            text = f"{told.fill_lots} lots traded of {intent.volume_lots} asked for"
            self.findings.duplicated("OVERFILLED", key, text, here)
        if fill.volume_lots <= 0:
            self.findings.unexplained("NO_LOTS", key, f"trade {name[2]} of {fill.volume_lots} lots", here)

    def _order(self, order: Json, sequence: int) -> None:
        said = order["intent"]
        key = new(Key, (said["account"], said["client_order_id"]))
        state = state_of(order["status"], int(order["traded_lots"]), int(order["left_lots"]))
        told = self.reports.orders.get(key)
        if told is None:
            told = Told(Intent.of(said), order["order_id"], int(order["inserted_ns"]), entry=self.entry)
            self.reports.orders[Key.of(said)] = told
        else:
            self._check_change(told, order, state, key)
        told.states.append((sequence, state))
        told.reason, told.updated_ns = order["reason"], int(order["updated_ns"])
        if state.traded_lots != told.fill_lots or not _is_true(state, told.intent.volume_lots):
            self._check_volume(told, state, key)

    def _check_change(self, told: Told, order: Json, state: State, key: Key) -> None:
        before, inserted_ns = told.states[-1][1], int(order["inserted_ns"])
        if order["order_id"] != told.order_id or inserted_ns != told.inserted_ns:
            text = f"a second order {order['order_id'] or '(no id)'} beside {told.order_id or '(no id)'}"
            self.findings.duplicated("SECOND_ORDER", key, text, self._both(told))
        elif (intent := Intent.of(order["intent"])) != told.intent:
            text = f"the order changed from {told.intent} to {intent}"
            self.findings.unexplained("ORDER_CHANGED", key, text, self._both(told))
        elif before.status in TERMINAL:
            self.findings.unexplained("REPORT_AFTER_END", key, f"{state} after it had ended {before}", self._both(told))
        elif state.traded_lots < before.traded_lots or state.left_lots > before.left_lots:
            self.findings.unexplained("STATE_WENT_BACK", key, f"{state} after {before}", self._both(told))

    def _both(self, told: Told) -> tuple[str, str]:
        return f"{JOURNAL}#{told.entry}", self.here

    def _check_volume(self, told: Told, state: State, key: Key) -> None:
        """What is wrong with a state that does not agree with its trades, or with itself."""
        asked, here = told.intent.volume_lots, (self.here,)
        if state.traded_lots != told.fill_lots:
            text = f"report {told.states[-1][0]} says {state.traded_lots} traded, its trades sum to {told.fill_lots}"
            self.findings.unexplained("TRADES_DO_NOT_SUM", key, text, here)
            # Say it once, not at every later report.
            told.fill_lots = state.traded_lots
        if state.traded_lots + state.left_lots > max(asked, 0):
            self.findings.duplicated("OVERFILLED", key, f"{state} of {asked} asked for", here)
        elif not _is_true(state, asked):
            self.findings.unexplained("STATUS_NOT_TRUE", key, f"{state} of {asked} asked for", here)


@lru_cache(maxsize=1 << 16)
def _is_true(state: State, asked: int) -> bool:
    """Whether the status says what the volumes say, and these are no more than was asked for.

    An order that was reduced is FILLED with less than that.
    """
    if state.traded_lots + state.left_lots > max(asked, 0):
        return False
    if state.status == "FILLED":
        return state.traded_lots > 0 and not state.left_lots
    if state.status in TERMINAL:
        return not state.left_lots and (not state.traded_lots or state.traded_lots < asked)
    return state.left_lots > 0
