"""Reads order management's journal: what became of every order as order management knows it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from tradepit.verify.decoding import FieldMissing, Json, numbered
from tradepit.verify.entries import Entry
from tradepit.verify.findings import NOBODY, Findings, Key
from tradepit.verify.order_of_entries import EntryOrder
from tradepit.verify.vocabulary import IN_DOUBT, TERMINAL, Fill, FillId, Intent, State, fill_of, key_of, state_of

JOURNAL = "orders"


@dataclass(slots=True)
class Ours:
    """One order at order management. Entries are numbers of the journal's entries, 0 for never; instants are UTC ns.

    ``doubt_ns`` is when it was last sent or became unknown; ``updated_ns`` is the venue's instant of the state it was told last.
    """

    intent: Intent
    state: State
    accepted: int = 0
    refused: int = 0
    sending: int = 0
    reported: int = 0
    code: str = ""
    order_id: str = ""
    doubt_ns: int = 0
    updated_ns: int = 0

    @property
    def in_doubt(self) -> bool:
        """True while nothing was heard of it."""
        return self.state.status in IN_DOUBT


@dataclass(slots=True)
class OrderFacts:
    """The whole journal.

    ``through``: how far the venue's reports were read; ``answers``: instants (UTC ns) at which the venue answered; ``applied``:
    what the orders' numbered reports said.
    """

    orders: dict[Key, Ours] = field(default_factory=dict)
    fills: dict[FillId, Fill] = field(default_factory=dict)
    tick_sizes: dict[str, Decimal] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)
    applied: dict[int, tuple[Key, Intent, State]] = field(default_factory=dict)
    through: int = 0
    epoch: int = 0
    terms: int = 0
    entries: int = 0


def read_order_facts(entries: Iterator[Entry], location: str, findings: Findings) -> OrderFacts:
    """Fold the journal. Raises UnreadableError."""
    reader = _Reader(findings)
    order, handlers = EntryOrder(JOURNAL, findings), _HANDLERS
    with FieldMissing(location) as guard:
        for entry, records in numbered(entries, guard):
            order.check(entry)
            reader.entry, reader.writer = entry.sequence, entry.epoch
            for record in records:
                handler = handlers.get(record["fact"])
                if handler is not None:
                    handler(reader, record)
    reader.facts.entries = order.last
    reader.facts.answers.sort()
    return reader.facts


class _Reader:
    def __init__(self, findings: Findings) -> None:
        self.facts = OrderFacts()
        self.findings = findings
        self.entry = self.writer = 0

    def _here(self, *others: int) -> tuple[str, ...]:
        return tuple(f"{JOURNAL}#{entry}" for entry in (*others, self.entry) if entry)

    def term_began(self, fact: Json) -> None:
        epoch = int(fact["epoch"])
        if epoch <= self.facts.epoch or epoch != self.writer:
            text = f"a term began under epoch {epoch}, written under {self.writer}, after epoch {self.facts.epoch}"
            self.findings.unexplained("EPOCH_NOT_RISING", NOBODY, text, self._here())
        self.facts.epoch = max(self.facts.epoch, epoch)
        self.facts.terms += 1

    def instrument_known(self, fact: Json) -> None:
        instrument = fact["instrument"]
        self.facts.tick_sizes[instrument["symbol"]] = Decimal(instrument["product"]["tick_size"])

    def accepted(self, fact: Json) -> None:
        key, intent = Key.of(fact["intent"]), Intent.of(fact["intent"])
        known = self.facts.orders.get(key)
        if known is None:
            state = state_of("PENDING_NEW", 0, intent.volume_lots)
            self.facts.orders[key] = Ours(intent, state, accepted=self.entry, doubt_ns=int(fact["time_ns"]))
        elif known.accepted or known.refused:
            self.findings.duplicated("DECIDED_TWICE", key, "accepted, but its fate was decided before", self._seen(known))
        else:
            text = "accepted after the venue had already told of it"
            self.findings.unexplained("ACCEPTED_LATE", key, text, self._seen(known))
            known.accepted = self.entry

    def refused(self, fact: Json) -> None:
        key, intent = Key.of(fact["intent"]), Intent.of(fact["intent"])
        known = self.facts.orders.get(key)
        if known is not None:
            self.findings.duplicated("DECIDED_TWICE", key, "refused, but its fate was decided before", self._seen(known))
            return
        self.facts.orders[key] = Ours(intent, State("RISK_REJECTED", 0, 0), refused=self.entry, code=fact["code"])

    def sending(self, fact: Json) -> None:
        key, epoch = Key.of(fact), int(fact["epoch"])
        if epoch != self.writer:
            text = f"sent under epoch {epoch}, written under {self.writer}"
            self.findings.unexplained("EPOCH_OF_SENDING", key, text, self._here())
        known = self.facts.orders.get(key)
        if known is None or not known.accepted:
            self.findings.unexplained("SENT_UNACCEPTED", key, "sent without having been accepted", self._here())
            return
        if known.sending:
            self.findings.duplicated("SENT_TWICE", key, "sent a second time", self._here(known.sending))
        known.sending = self.entry
        self._doubt(known, "SENDING", fact)

    def unknown(self, fact: Json) -> None:
        known = self.facts.orders.get(Key.of(fact))
        if known is not None:
            self._doubt(known, "UNKNOWN", fact)

    def _doubt(self, known: Ours, status: str, fact: Json) -> None:
        state = known.state
        if state.status in IN_DOUBT:
            known.state = state_of(status, state.traded_lots, state.left_lots)
            known.doubt_ns = int(fact["time_ns"])

    def applied(self, fact: Json) -> None:
        report, facts = fact["report"], self.facts
        through, sequence, before = int(fact["through"]), int(report["sequence"]), facts.through
        if through < before or through < sequence:
            text = f"report {report['sequence']} applied, read through {through} after {before}"
            self.findings.unexplained("THROUGH_FELL", NOBODY, text, self._here())
        if through > before:
            facts.through = through
        if report["kind"] == "order":
            self._order(report["order"], sequence, fact)
        elif report["kind"] == "trade":
            self._trade(report["trade"], sequence)

    def _trade(self, trade: Json, sequence: int) -> None:
        name, fill = fill_of(trade, sequence)
        if name in self.facts.fills:
            text = f"trade {name[2]} {name[3]} was applied twice"
            self.findings.duplicated("FILL_APPLIED_TWICE", key_of(fill), text, self._here())
            return
        self.facts.fills[name] = fill

    def _order(self, order: Json, sequence: int, fact: Json) -> None:
        said = order["intent"]
        key, intent = Key.of(said), Intent.of(said)
        state = state_of(order["status"], int(order["traded_lots"]), int(order["left_lots"]))
        if sequence:
            self.facts.applied[sequence] = (key, intent, state)
        else:
            self.facts.answers.append(int(fact["time_ns"]))
        known = self.facts.orders.get(key)
        if known is None:
            known = self.facts.orders[key] = Ours(intent, state)
        elif not sequence and known.intent != intent:
            text = f"the answer was about {intent}, the order is {known.intent}"
            self.findings.unexplained("ANSWER_DIFFERS", key, text, self._here(known.accepted))
            return
        elif not known.reported or _is_later(known.state, state):
            known.state = state
        else:
            return
        known.reported, known.updated_ns = self.entry, int(order["updated_ns"])
        known.code = order["reason"] or known.code
        known.order_id = order["order_id"] or known.order_id

    def _seen(self, known: Ours) -> tuple[str, ...]:
        return self._here(known.accepted, known.refused, known.reported)


# Of the class, not of each reader: a reader that refers to itself would keep the whole journal's content from being freed.
_HANDLERS: dict[str, Callable[[_Reader, Json], None]] = {
    "term_began": _Reader.term_began,
    "instrument_known": _Reader.instrument_known,
    "order_accepted": _Reader.accepted,
    "order_refused": _Reader.refused,
    "order_sending": _Reader.sending,
    "order_unknown": _Reader.unknown,
    "report_applied": _Reader.applied,
}


def _is_later(known: State, told: State) -> bool:
    """Volume traded never falls; an order that ended stays so; what is left only shrinks."""
    if told.traded_lots != known.traded_lots:
        return told.traded_lots > known.traded_lots
    return known.status not in TERMINAL and (told.status in TERMINAL or told.left_lots < known.left_lots)
