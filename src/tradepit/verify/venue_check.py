"""The exchange against itself: everything it told must follow from a command it was given, and every command must be answered."""

from tradepit.verify.findings import Findings, Key
from tradepit.verify.venue_commands import Heard, VenueCommands
from tradepit.verify.venue_reports import Told, VenueReports
from tradepit.verify.vocabulary import NOT_SENT, Fill, FillId


class VenueCheck:
    """Commands and reports of one exchange. With ``strict`` nothing may be under way any more."""

    def __init__(self, commands: VenueCommands, reports: VenueReports, findings: Findings, *, strict: bool) -> None:
        self._commands, self._reports, self._findings, self._strict = commands, reports, findings, strict

    def run(self) -> None:
        """Judge every order and every one-sided trade."""
        for name, fill in self._reports.fills.items():
            self._check_outside(name, fill)
        for key, told in self._reports.orders.items():
            heard = self._commands.orders.get(key)
            where = (f"reports#{told.entry}",)
            if heard is None:
                self._findings.unexplained("ORDER_OF_NO_COMMAND", key, f"{told.order_id}: nobody sent it", where)
            else:
                self._check_cause(key, heard, told, (f"commands#{heard.entry}", *where))
            self._check_cancel(key, told, where)
            self._check_last_fill(key, told, where)
        for key, heard in self._commands.orders.items():
            if heard.first_ns >= 0 and key not in self._reports.orders:
                self._check_unanswered(key, heard)

    def _check_outside(self, name: FillId, fill: Fill) -> None:
        """A trade with one side only was made with the outside market: it must have been shown one."""
        other = (*name[:3], "SELL" if name[3] == "BUY" else "BUY")
        if other in self._reports.fills or fill.symbol in self._commands.quoted:
            return
        key = Key(fill.account, fill.client_order_id)
        if not self._strict and fill.sequence == self._reports.last:
            self._findings.in_flight.add(key)
            return
        text = f"trade {name[2]} has no {other[3]} side, and no outside market was shown for {fill.symbol}"
        self._findings.unexplained("ONE_SIDE_ONLY", key, text, (f"report {fill.sequence}",))

    def _check_cause(self, key: Key, heard: Heard, told: Told, where: tuple[str, ...]) -> None:
        voided = told.state.status == "REJECTED" and told.reason == NOT_SENT
        if heard.first_ns != told.inserted_ns:
            if told.inserted_ns in heard.stale:
                text = f"{told.order_id}: accepted from a former leader (epochs {heard.epochs})"
                self._findings.unexplained("STALE_EXECUTED", key, text, where)
            else:
                text = f"{told.order_id}: entered at {told.inserted_ns}, sent at {heard.first_ns}"
                self._findings.unexplained("ENTERED_AT_NO_COMMAND", key, text, where)
        elif heard.voided and not voided:
            text = f"{told.order_id}: {told.state}, though its id had been voided before it arrived"
            self._findings.unexplained("VOIDED_EXECUTED", key, text, where)
        elif voided and not heard.voided:
            self._findings.lost("ARRIVED_BUT_VOIDED", key, "it had arrived, and was then declared never to have been sent", where)
        if heard.intent != told.intent:
            text = f"sent {heard.intent}, the exchange has {told.intent}"
            self._findings.unexplained("NOT_AS_SENT", key, text, where)

    def _check_cancel(self, key: Key, told: Told, where: tuple[str, ...]) -> None:
        """CANCELLED without a reason was asked for by somebody entitled to."""
        if told.state.status != "CANCELLED" or told.reason:
            return
        asked = self._commands.withdrawals.get(key)
        if asked is not None and told.updated_ns in asked.valid:
            return
        if asked is not None and told.updated_ns in asked.stale:
            self._findings.unexplained("STALE_CANCEL", key, "cancelled by a former leader", where)
        else:
            self._findings.unexplained("CANCELLED_BY_NOBODY", key, "cancelled, though nobody asked for it", where)

    def _check_last_fill(self, key: Key, told: Told, where: tuple[str, ...]) -> None:
        """The journal may end between a trade and the state of its order, which is told at the same instant."""
        if told.fill_lots == told.state.traded_lots:
            return
        if not self._strict and told.fill_ns == self._reports.now_ns:
            self._findings.in_flight.add(key)
            return
        text = f"trades sum to {told.fill_lots}, the last state told is {told.state}"
        self._findings.unexplained("TRADES_DO_NOT_SUM", key, text, where)

    def _check_unanswered(self, key: Key, heard: Heard) -> None:
        """Reports are written behind the commands: what follows the last report may still be told."""
        if not self._strict and heard.first_ns >= self._reports.now_ns:
            self._findings.in_flight.add(key)
            return
        text = f"{heard.intent}: the exchange took it and never told what became of it"
        self._findings.lost("NEVER_REPORTED", key, text, (f"commands#{heard.entry}",))
