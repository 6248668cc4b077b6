"""One fate each: the exchange's word counts before order management's, that before the client's."""

import pytest

from tradepit.verify.fates import fates
from tradepit.verify.findings import Key
from tradepit.verify.intent_logs import Client
from tradepit.verify.order_facts import OrderFacts, Ours
from tradepit.verify.venue_commands import Heard, VenueCommands
from tradepit.verify.venue_reports import Told, VenueReports
from tradepit.verify.vocabulary import Intent, State

KEY = Key("A1", "c1")
INTENT = Intent("IF2501", "BUY", "OPEN", "LIMIT", 100, 3)


@pytest.mark.parametrize(
    ("status", "reason", "fate"),
    [
        ("OPEN", "", ("WORKING", "")),
        ("PARTIAL", "", ("WORKING", "")),
        ("FILLED", "", ("FILLED", "")),
        ("CANCELLED", "SELF_TRADE", ("CANCELLED", "")),
        ("EXPIRED", "DAY_ENDED", ("EXPIRED", "")),
        ("REJECTED", "NOT_SENT", ("NOT_SENT", "")),
        ("REJECTED", "INSUFFICIENT_MONEY", ("REJECTED", "INSUFFICIENT_MONEY")),
    ],
)
def test_the_exchange_has_the_first_word(status: str, reason: str, fate: tuple[str, str]) -> None:
    told = Told(INTENT, "x", 0, [(1, State(status, 1, 0))], fill_lots=1, reason=reason)
    facts = OrderFacts({KEY: Ours(INTENT, State("UNKNOWN", 0, 3))})
    assert list(fates({KEY: Client(accepted=True)}, facts, VenueCommands(), VenueReports({KEY: told}))) == [(KEY, fate, 1)]


@pytest.mark.parametrize(
    ("ours", "fate"),
    [
        (Ours(INTENT, State("RISK_REJECTED", 0, 0), refused=1, code="RATE"), ("REFUSED", "RATE")),
        (Ours(INTENT, State("SENDING", 0, 3)), ("IN_DOUBT", "")),
        (Ours(INTENT, State("REJECTED", 0, 0), code="NOT_SENT"), ("NOT_SENT", "")),
        (Ours(INTENT, State("REJECTED", 0, 0), code="RATE_LIMIT"), ("REJECTED", "RATE_LIMIT")),
        (Ours(INTENT, State("CANCELLED", 0, 0)), ("CANCELLED", "")),
        (Ours(INTENT, State("OPEN", 0, 3)), ("WORKING", "")),
    ],
)
def test_order_management_has_the_second(ours: Ours, fate: tuple[str, str]) -> None:
    assert [found for _, found, _ in fates({}, OrderFacts({KEY: ours}), VenueCommands(), VenueReports())] == [fate]


@pytest.mark.parametrize(
    ("client", "fate"),
    [
        (Client(refusals=["PRICE_WRONG_TICK"]), ("REFUSED", "PRICE_WRONG_TICK")),
        (Client(accepted=True), ("IN_DOUBT", "")),
        (Client(promised=True), ("IN_DOUBT", "")),
        (Client(), ("NOT_SENT", "")),
    ],
)
def test_the_client_has_the_last(client: Client, fate: tuple[str, str]) -> None:
    assert [found for _, found, _ in fates({KEY: client}, OrderFacts(), VenueCommands(), VenueReports())] == [fate]


def test_an_order_that_was_only_sent_is_in_doubt() -> None:
    heard = VenueCommands({KEY: Heard(INTENT, first_ns=1)})
    assert [found for _, found, _ in fates({}, OrderFacts(), heard, VenueReports())] == [("IN_DOUBT", "")]
