"""Reads the exchange's command journal: which orders it was told of, by whom, and which commands came from a former leader."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tradepit.verify.decoding import FieldMissing, Json, numbered
from tradepit.verify.entries import Entry
from tradepit.verify.findings import NOBODY, Findings, Key
from tradepit.verify.order_of_entries import EntryOrder
from tradepit.verify.vocabulary import Intent

JOURNAL = "commands"


@dataclass(slots=True)
class Heard:
    """What the exchange was told of one order. Instants are the exchange's own (UTC ns), -1 for never.

    ``first_ns``: the first submit or resolve it may obey; ``voided`` when that was a resolve, which forbids the order.
    ``stale`` are instants of submits it must refuse because a newer leader of the session had spoken; ``epochs`` those of all.
    """

    intent: Intent
    first_ns: int = -1
    entry: int = 0
    voided: bool = False
    stale: tuple[int, ...] = ()
    epochs: tuple[int, ...] = ()


@dataclass(slots=True)
class Withdrawals:
    """Instants at which cancels and reductions of one order arrived: those to be obeyed, and those of a former leader."""

    valid: list[int] = field(default_factory=list)
    stale: list[int] = field(default_factory=list)


@dataclass(slots=True)
class VenueCommands:
    """The whole journal. ``quoted`` are symbols for which an outside market was shown."""

    orders: dict[Key, Heard] = field(default_factory=dict)
    withdrawals: dict[Key, Withdrawals] = field(default_factory=dict)
    quoted: set[str] = field(default_factory=set)
    stale: int = 0
    now_ns: int = 0
    entries: int = 0


def read_venue_commands(entries: Iterator[Entry], location: str, findings: Findings) -> VenueCommands:
    """Fold the journal. Raises UnreadableError."""
    reader = _Reader(findings)
    order = EntryOrder(JOURNAL, findings)
    with FieldMissing(location) as guard:
        for entry, records in numbered(entries, guard):
            order.check(entry)
            reader.entry = entry.sequence
            for record in records:
                if "now_ns" in record:
                    reader.read(record)
                elif entry.sequence != 1:
                    raise KeyError("now_ns")
    reader.commands.entries = order.last
    return reader.commands


class _Reader:
    def __init__(self, findings: Findings) -> None:
        self.commands = VenueCommands()
        self.findings = findings
        self.entry = 0
        self._epochs: dict[str, int] = {}

    def read(self, record: Json) -> None:
        now_ns, command = int(record["now_ns"]), record["command"]
        if now_ns < self.commands.now_ns:
            text = f"the exchange's time fell from {self.commands.now_ns} to {now_ns}"
            self.findings.unexplained("TIME_FELL", NOBODY, text, (f"{JOURNAL}#{self.entry}",))
        # An earlier instant counts as the venue's own.
        self.commands.now_ns = max(self.commands.now_ns, now_ns)
        handler = _HANDLERS.get(command["command"])
        if handler is not None:
            handler(self, command)

    def _is_fenced(self, command: Json) -> bool:
        session, epoch = command.get("session", ""), int(command.get("epoch", 0))
        highest = self._epochs.get(session, 0)
        self._epochs[session] = max(highest, epoch)
        if epoch >= highest:
            return False
        self.commands.stale += 1
        return True

    def submit(self, command: Json) -> None:
        heard, now_ns = self._heard(command), self.commands.now_ns
        heard.epochs += (int(command.get("epoch", 0)),)
        if self._is_fenced(command):
            heard.stale += (now_ns,)
        elif heard.first_ns < 0:
            heard.first_ns, heard.entry = now_ns, self.entry

    def resolve(self, command: Json) -> None:
        heard = self._heard(command)
        if not self._is_fenced(command) and heard.first_ns < 0:
            heard.first_ns, heard.entry, heard.voided = self.commands.now_ns, self.entry, True

    def _heard(self, command: Json) -> Heard:
        intent = command["intent"]
        key = Key.of(intent)
        heard = self.commands.orders.get(key)
        if heard is None:
            heard = self.commands.orders[key] = Heard(Intent.of(intent), entry=self.entry)
        return heard

    def withdraw(self, command: Json) -> None:
        key = Key.of(command)
        known = self.commands.withdrawals.setdefault(key, Withdrawals())
        (known.stale if self._is_fenced(command) else known.valid).append(self.commands.now_ns)

    def open_session(self, command: Json) -> None:
        self._is_fenced(command)

    def tick(self, command: Json) -> None:
        self.commands.quoted.add(command["tick"]["symbol"])


# Of the class, not of each reader: a reader that refers to itself would keep the whole journal's content from being freed.
_HANDLERS: dict[str, Callable[[_Reader, Json], None]] = {
    "submit": _Reader.submit,
    "resolve": _Reader.resolve,
    "cancel": _Reader.withdraw,
    "reduce": _Reader.withdraw,
    "open_session": _Reader.open_session,
    "tick": _Reader.tick,
}
