"""The broker connect's outside against the exchange's journal: what is lost, doubled or unexplained is found, and nothing else."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from tradepit.verify.connect_check import ConnectCheck
from tradepit.verify.connect_facts import Event, Letter, Outside, Row, Wish
from tradepit.verify.findings import Findings, Key
from tradepit.verify.venue_reports import Told, VenueReports
from tradepit.verify.vocabulary import Fill, Intent, State

ACCOUNT, PORTFOLIO, RB = "A1", "p1", "SHFE.rb2505"


class Desk:
    """One filled order, one split close, one refusal, one dead letter: all as it should be, until a case changes it."""

    def __init__(self) -> None:
        self.outside, self.venue = Outside(), VenueReports()
        self.ask("open", "BUY", "OPEN", 3)
        self.fill("open", "BUY", "OPEN", 3)
        self.ask("close", "SELL", "CLOSE", 2)
        self.fill("close_closetoday", "SELL", "CLOSETODAY", 2)
        self.keep("close", "SELL", "CLOSE", 2)
        self.ask("much", "SELL", "CLOSE", 900)
        self.outside.events["much"] = [Event("REJECTED", 0, "OVER_CLOSE_POSITION")]
        self.ask("stranger", "BUY", "OPEN", 1, portfolio="p2")
        self.outside.letters.append(Letter("INVALID_REQUEST", "q", self.outside.wishes["stranger"][0]))

    def ask(self, name: str, side: str, offset: str, volume: int, *, portfolio: str = PORTFOLIO) -> Wish:
        wish = Wish("SUBMIT", name, portfolio, RB, side, offset, volume, 3300.0)
        self.outside.wishes.setdefault(name, []).append(wish)
        self.outside.confirmed.add(wish)
        return wish

    def fill(self, name: str, side: str, offset: str, lots: int, status: str = "FILLED") -> None:
        told = Told(Intent("rb2505", side, offset, "LIMIT", 3300, lots), f"x-{name}", 1)
        traded = lots if status == "FILLED" else 0
        told.states.append((1, State(status, traded, 0 if status in ("FILLED", "CANCELLED") else lots)))
        self.venue.orders[Key(ACCOUNT, name)] = told
        if traded:
            trade = Fill(ACCOUNT, name, f"x-{name}", "rb2505", 3300, lots, 1)
            self.venue.fills[1, "SHFE", name, side] = trade
        self.keep(name, side, offset, lots, traded=traded, status="ALIVE" if status == "OPEN" else "FINISHED")
        self.outside.events[name] = [Event("NEW", 0, "")]
        if status == "FILLED":
            self.outside.events[name].append(Event("COMPLETE_FILL", lots, ""))

    def keep(self, name: str, side: str, offset: str, lots: int, *, traded: int | None = None, status: str = "FINISHED") -> None:
        traded = lots if traded is None else traded
        number = "x-close_closetoday" if name == "close" else f"x-{name}"
        price = Decimal(3300) if traded else None
        self.outside.rows[name] = Row(
            number, PORTFOLIO, RB, side, offset, status, lots, lots - traded, traded, Decimal(3300), price
        )

    def check(self) -> ConnectCheck:
        self.findings = Findings()
        sizes = {"rb2505": Decimal(1)}
        check = ConnectCheck(self.outside, self.venue, sizes, self.findings, account=ACCOUNT, portfolio_id=PORTFOLIO)
        check.run()
        return check

    def found(self) -> set[tuple[str, str]]:
        self.check()
        return {(finding.code, finding.key.client_order_id) for finding in self.findings.found}


def test_a_day_without_mishaps_is_clean() -> None:
    desk = Desk()
    assert desk.found() == set()
    check = desk.check()
    assert dict(check.fates) == {"FILLED": 2, "REFUSED": 1, "BURIED": 1}
    assert check.net_positions() == {"rb2505": 1}


def _lose_row(desk: Desk) -> None:
    del desk.outside.rows["open"]


def _lose_outcome(desk: Desk) -> None:
    desk.outside.events["much"] = []


def _bury_without_event(desk: Desk) -> None:
    desk.outside.events["much"] = []
    desk.outside.letters.append(Letter("PRICE_WRONG_TICK", "q", desk.outside.wishes["much"][0]))


def _change(**fields: object) -> Callable[[Desk], None]:
    def change(desk: Desk) -> None:
        desk.outside.rows["open"] = desk.outside.rows["open"]._replace(**fields)  # type: ignore[arg-type]  # the case's own

    return change


def _end_twice(desk: Desk) -> None:
    desk.outside.events["open"].append(Event("CANCELLED", 3, ""))


def _tell_twice(desk: Desk) -> None:
    desk.outside.events["much"] *= 2


def _send_what_nobody_asked(desk: Desk) -> None:
    del desk.outside.wishes["open"]


def _send_something_else(desk: Desk) -> None:
    desk.outside.wishes["open"] = [desk.outside.wishes["open"][0]._replace(volume=4)]


def _forget_the_split(desk: Desk) -> None:
    desk.venue.orders[Key(ACCOUNT, "close")] = desk.venue.orders.pop(Key(ACCOUNT, "close_closetoday"))


def _send_the_refused(desk: Desk) -> None:
    desk.fill("much_closetoday", "SELL", "CLOSETODAY", 900)
    desk.keep("much", "SELL", "CLOSE", 900)
    desk.outside.rows["much"] = desk.outside.rows["much"]._replace(exchange_order_id="x-much_closetoday", status="ALIVE")


def _say_new_of_the_refused(desk: Desk) -> None:
    desk.outside.events["much"].insert(0, Event("NEW", 0, ""))


def _bury_the_sent(desk: Desk) -> None:
    desk.outside.letters.append(Letter("PRICE_WRONG_TICK", "q", desk.outside.wishes["open"][0]))


@pytest.mark.parametrize(
    ("mishap", "code", "name"),
    [
        (_lose_row, "NO_ROW", "open"),
        (_lose_outcome, "REQUEST_GONE", "much"),
        (_bury_without_event, "REFUSAL_NOT_TOLD", "much"),
        (_change(filled=2, left=1), "ROW_DIFFERS", "open"),
        (_change(status="ALIVE"), "ROW_DIFFERS", "open"),
        (_change(exchange_order_id="x-other"), "OTHER_ORDER_IN_ROW", "open"),
        (_change(trade_price=Decimal(3299)), "PRICE_DIFFERS", "open"),
        (_end_twice, "END_NOT_TOLD", "open"),
        (_tell_twice, "EVENT_TWICE", "much"),
        (_send_what_nobody_asked, "ORDER_OF_NO_REQUEST", "open"),
        (_send_something_else, "NOT_AS_ASKED", "open"),
        (_forget_the_split, "NOT_AS_ASKED", "close"),
        (_send_the_refused, "ROW_DIFFERS", "much"),
        (_say_new_of_the_refused, "NOT_AT_THE_EXCHANGE", "much"),
        (_bury_the_sent, "SENT_AND_BURIED", "open"),
    ],
)
def test_a_mishap_is_found(mishap: Callable[[Desk], None], code: str, name: str) -> None:
    desk = Desk()
    mishap(desk)
    assert (code, name) in desk.found()


def test_a_cancel_ends_its_order_or_a_letter_says_why_not() -> None:
    desk = Desk()
    desk.ask("rest", "BUY", "OPEN", 1)
    desk.fill("rest", "BUY", "OPEN", 1, status="OPEN")
    assert desk.found() == set()
    desk.outside.cancels.add("rest")
    assert desk.found() == {("CANCEL_GONE", "rest")}
    desk.outside.letters.append(Letter("ORDER_NOT_FOUND", "q", Wish("CANCEL", "rest", PORTFOLIO)))
    assert desk.found() == set()


def test_what_no_queue_has_taken_is_nobodys_loss() -> None:
    desk = Desk()
    desk.outside.confirmed.discard(desk.ask("late", "BUY", "OPEN", 1))
    assert desk.found() == set()
    assert desk.check().fates["NEVER_QUEUED"] == 1
