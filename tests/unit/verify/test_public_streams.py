"""The public streams against the events journal."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tradepit.verify.entries import Entry, UnreadableError
from tradepit.verify.findings import Findings
from tradepit.verify.public_streams import Message, compare, take

if TYPE_CHECKING:
    from tests.unit.verify.conftest import Paper

Json = dict[str, Any]
SIZES = {"IF2501": Decimal("0.2")}
TOPICS = {"OPEN": "orders.new", "PARTIAL": "orders.filled", "FILLED": "orders.filled"}


def publication(report: Json) -> tuple[str, Json]:
    """What the exchange publishes of a report."""
    body = report[report["kind"]]
    intent = body.get("intent", body)
    told = {
        "symbol": intent["symbol"],
        "orderid": body["order_id"],
        "direction": {"BUY": "LONG", "SELL": "SHORT"}[intent["side"]],
        "client_order_id": intent["client_order_id"],
        "account": intent["account"],
        "price": intent["price_ticks"] / 5,
        "volume": intent["volume_lots"],
        "seq": report["sequence"],
    }
    if report["kind"] == "trade":
        return "trades.executed", told | {"tradeid": body["trade_id"]}
    status = "PENDING" if body["status"] == "OPEN" else body["status"]
    return TOPICS[body["status"]], told | {"status": status, "traded": body["traded_lots"]}


def entries(reports: list[Json]) -> Iterator[Entry]:
    return iter([Entry(1, 1, tuple(json.dumps(report).encode() for report in reports))])


def judge(reports: list[Json], told: list[tuple[str, Json]], *, strict: bool = False) -> tuple[list[str], int]:
    findings, published = Findings(), dict[int, Message]()
    for number, (subject, body) in enumerate(told, start=1):
        take((number, subject, json.dumps(body).encode()), "nats://h/EVENTS", published, findings)
    compare(published, entries(reports), SIZES, findings, strict=strict)
    return [finding.code for finding in findings.found], len(findings.in_flight)


def test_what_is_published_as_it_was_told_is_clean(traded: "Paper") -> None:
    told = [publication(report) for report in traded.reports]
    assert judge(traded.reports, [*told, *told[-3:], ("orders.algo.twap", {})], strict=True) == ([], 0)


def test_a_report_that_was_not_published_is_lost(traded: "Paper") -> None:
    told = [publication(report) for report in traded.reports]
    assert judge(traded.reports, told[:2] + told[3:]) == (["NOT_PUBLISHED"], 0)


def test_what_is_not_published_yet_is_in_flight(traded: "Paper") -> None:
    told = [publication(report) for report in traded.reports[:-1]]
    assert judge(traded.reports, told) == ([], 1)
    assert judge(traded.reports, told, strict=True) == (["NOT_PUBLISHED"], 0)


@pytest.mark.parametrize("field", ["volume", "price", "tradeid", "account", "orderid"])
def test_a_report_published_otherwise_is_unexplained(traded: "Paper", field: str) -> None:
    told = [publication(report) for report in traded.reports]
    told[2][1][field] = 7 if field in ("volume", "price") else "other"
    assert judge(traded.reports, told) == (["PUBLISHED_OTHERWISE"], 0)


def test_one_number_for_two_contents_is_a_duplicate(traded: "Paper") -> None:
    told = [publication(report) for report in traded.reports]
    again = (told[2][0], told[2][1] | {"volume": 9})
    assert judge(traded.reports, [*told, again]) == (["PUBLISHED_TWICE"], 0)


def test_a_message_of_no_report_is_unexplained(traded: "Paper") -> None:
    told = [publication(report) for report in traded.reports]
    ghost = (told[2][0], told[2][1] | {"seq": 99})
    assert judge(traded.reports, [*told, ghost]) == (["PUBLISHED_FROM_NOWHERE"], 0)


def test_days_and_reductions_are_not_published(traded: "Paper") -> None:
    traded.submit(traded.accept("b2"))
    told = [publication(report) for report in traded.reports]
    traded.change("b2", "OPEN", left=1)
    traded.report("day", settled_day=20250106, settlement_prices={})
    assert judge(traded.reports, told, strict=True) == ([], 0)


def test_a_message_that_cannot_be_read_is_named() -> None:
    with pytest.raises(UnreadableError, match="message 4"):
        take((4, "trades.executed", b'{"seq": 1}'), "nats://h/EVENTS", {}, Findings())
