"""Order management against the exchange: same orders, same states, same fills, none missing on either side."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection

from tradepit.verify.findings import NOBODY, Findings, Key
from tradepit.verify.order_facts import OrderFacts, Ours
from tradepit.verify.venue_commands import VenueCommands
from tradepit.verify.venue_reports import Told, VenueReports
from tradepit.verify.vocabulary import Fill, FillId

PATIENCE_NS = 10_000_000_000


class PathCheck:
    """``external`` are accounts that trade at the exchange without order management. With ``strict`` nothing may be under way."""

    def __init__(
        self,
        facts: OrderFacts,
        commands: VenueCommands,
        reports: VenueReports,
        findings: Findings,
        *,
        external: Collection[str],
        strict: bool,
    ) -> None:
        self._facts, self._commands, self._reports, self._findings = facts, commands, reports, findings
        self._external, self._strict = external, strict

    def run(self) -> None:
        """Judge every order either side knows, and every fill."""
        if self._facts.through > self._reports.last:
            text = f"order management has read reports through {self._facts.through}, the exchange has told {self._reports.last}"
            self._findings.lost("REPORTS_GONE", NOBODY, text, (f"orders#{self._facts.entries}",))
        for key, ours in self._facts.orders.items():
            self._check_order(key, ours)
        for key, told in self._reports.orders.items():
            if not self._is_asked_for(key):
                text = f"{told.order_id or told.reason}: order management never took it up"
                self._findings.unexplained("ORDER_OF_NO_INTENT", key, text, (f"reports#{told.entry}",))
        for key, heard in self._commands.orders.items():
            if key not in self._reports.orders and not self._is_asked_for(key):
                text = f"sent {heard.intent}, which order management never took up"
                self._findings.unexplained("COMMAND_OF_NO_INTENT", key, text, (f"commands#{heard.entry}",))
        self._check_applied()
        self._check_fills()

    def _is_asked_for(self, key: Key) -> bool:
        """External accounts go past order management; whoever else is at the exchange must have been accepted here before."""
        ours = self._facts.orders.get(key)
        return key.account in self._external or (ours is not None and bool(ours.accepted or ours.refused))

    def _check_order(self, key: Key, ours: Ours) -> None:
        told = self._reports.orders.get(key)
        if told is None:
            self._check_absent(key, ours)
            return
        where = _where(ours, told)
        if ours.refused:
            text = f"refused ({ours.code}), yet the exchange has it: {told.state}"
            self._findings.unexplained("REFUSED_BUT_SENT", key, text, where)
            return
        if ours.accepted and not ours.sending:
            self._findings.unexplained(
                "SENT_UNWRITTEN", key, "the exchange has it, but its sending was never written down", where
            )
        if ours.intent != told.intent:
            text = f"accepted {ours.intent}, the exchange has {told.intent}"
            self._findings.unexplained("NOT_AS_ACCEPTED", key, text, where)
        if ours.order_id and ours.order_id != told.order_id:
            text = f"order management calls it {ours.order_id}, the exchange {told.order_id}"
            self._findings.unexplained("ORDER_ID_DIFFERS", key, text, where)
        self._check_state(key, ours, told, where)

    def _check_absent(self, key: Key, ours: Ours) -> None:
        """The exchange told nothing of this order."""
        heard = self._commands.orders.get(key)
        sent = heard is not None and heard.first_ns >= 0
        where: tuple[str, ...] = (f"orders#{ours.sending or ours.accepted or ours.reported}",)
        if ours.refused:
            if heard is not None:
                where = (f"orders#{ours.refused}", f"commands#{heard.entry}")
                self._findings.unexplained("REFUSED_BUT_SENT", key, f"refused ({ours.code}), yet it was sent", where)
        elif sent:
            # VenueCheck says whether its report is lost or still on its way.
            return
        elif ours.in_doubt:
            self._check_doubt(key, ours, where)
        elif ours.state.status != "REJECTED":
            text = f"order management was told {ours.state}, the exchange has never heard of it"
            self._findings.lost("VENUE_FORGOT", key, text, where)

    def _check_doubt(self, key: Key, ours: Ours, where: tuple[str, ...]) -> None:
        """In doubt is honest while the exchange does not answer; it is lost when others were answered for so long after it."""
        answers = self._facts.answers
        first = bisect_left(answers, ours.doubt_ns)
        waited = first < len(answers) and answers[-1] - answers[first] > PATIENCE_NS
        if self._strict or waited:
            text = f"{ours.state.status}: written down as sent, never arrived, never settled"
            self._findings.lost("NEVER_ARRIVED", key, text, where)
        else:
            self._findings.in_flight.add(key)

    def _check_state(self, key: Key, ours: Ours, told: Told, where: tuple[str, ...]) -> None:
        """Order management stands at a state the exchange had, and not before the last one it is known to have read."""
        read = bisect_right(told.states, self._facts.through, key=lambda known: known[0])
        states = [state for _, state in told.states]
        known = len(states) - states[::-1].index(ours.state) if ours.state in states else 0
        if known == len(states):
            return
        behind = known < read or self._strict
        if known and not behind:
            self._findings.in_flight.add(key)
        elif known or (ours.in_doubt and (read or self._strict)):
            number = told.states[known][0]
            text = f"report {number} ({states[known]}) was read but never applied: still {ours.state}"
            self._findings.lost("REPORT_NOT_APPLIED", key, text, where)
        elif ours.in_doubt or (not self._strict and ours.updated_ns >= self._reports.now_ns):
            # Not read yet; or the answer overtook the exchange's own journal of reports, which it completes when it starts.
            self._findings.in_flight.add(key)
        else:
            text = f"order management has {ours.state}, the exchange never had: now {told.state}"
            self._findings.unexplained("STATE_DIFFERS", key, text, where)

    def _check_applied(self) -> None:
        """What order management wrote down as a numbered report is what the exchange told under that number."""
        for sequence, (key, intent, state) in self._facts.applied.items():
            told = self._reports.orders.get(key)
            at = bisect_left(told.states, sequence, key=lambda known: known[0]) if told is not None else 0
            found = told.states[at] if told is not None and at < len(told.states) else (0, None)
            if sequence <= self._reports.last and (told is None or found != (sequence, state) or told.intent != intent):
                text = f"report {sequence} was written down as {state} of {intent}; the exchange told something else"
                self._findings.unexplained("REPORT_DIFFERS", key, text, (f"report {sequence}",))

    def _check_fills(self) -> None:
        ours, theirs, through = self._facts.fills, self._reports.fills, self._facts.through
        for name, fill in theirs.items():
            known = ours.get(name)
            if known is None:
                self._check_unread(name, fill, through)
            elif known[:-1] != fill[:-1]:
                text = f"trade {name[2]} {name[3]}: order management has {_told(known)}, the exchange {_told(fill)}"
                self._findings.unexplained("FILL_DIFFERS", _key(fill), text, (f"report {fill.sequence}",))
        for name, fill in ours.items():
            if name not in theirs:
                text = f"trade {name[2]} {name[3]}: {_told(fill)}, which the exchange never made"
                self._findings.unexplained("FILL_OF_NOTHING", _key(fill), text, (f"report {fill.sequence}",))

    def _check_unread(self, name: FillId, fill: Fill, through: int) -> None:
        if fill.sequence > through and not self._strict:
            self._findings.in_flight.add(_key(fill))
            return
        text = f"trade {name[2]} {name[3]}: {_told(fill)}, never applied by order management"
        self._findings.lost("FILL_NOT_APPLIED", _key(fill), text, (f"report {fill.sequence}",))


def _where(ours: Ours, told: Told) -> tuple[str, ...]:
    return (f"orders#{ours.reported or ours.sending or ours.accepted or ours.refused}", f"reports#{told.entry}")


def _key(fill: Fill) -> Key:
    return Key(fill.account, fill.client_order_id)


def _told(fill: Fill) -> str:
    return (
        f"{fill.volume_lots} {fill.symbol} at {fill.price_ticks} of {fill.account}/{fill.client_order_id} {fill.order_id}".strip()
    )
