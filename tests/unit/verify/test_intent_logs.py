"""Clients' logs: what is understood, what is passed over, what cannot be read."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tradepit.verify import UnreadableError
from tradepit.verify.findings import Key
from tradepit.verify.intent_logs import Asked, read_intent_logs


def write(path: Path, *lines: dict[str, object]) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def test_the_answer_finds_the_account_of_its_request(tmp_path: Path) -> None:
    log = write(
        tmp_path / "a.jsonl",
        {
            "client_order_id": "c1",
            "asked": {"account": "A1", "symbol": "IF2501", "direction": "LONG", "volume": 2, "price": 3800.2},
        },
        {"client_order_id": "c1", "reply": {"success": True, "orderid": "x", "traded": 1}},
    )
    clients = read_intent_logs([log], {})
    client = clients[Key("A1", "c1")]
    assert client.asked == [Asked("IF2501", "BUY", 2, Decimal("3800.2"), "")]
    assert client.accepted
    assert client.order_ids == ["x"]
    assert client.traded == 1
    assert client.where == ["a.jsonl:1", "a.jsonl:2"]


def test_requests_are_known_by_either_name_and_the_account_may_stand_outside(tmp_path: Path) -> None:
    log = write(
        tmp_path / "a.jsonl",
        {"event": "asked", "client_order_id": "c1", "account": "A1", "request": {"side": "SELL", "volume": 1}},
    )
    assert read_intent_logs([log], {})[Key("A1", "c1")].asked == [Asked("", "SELL", 1, None, "")]


def test_a_refused_cancel_is_no_refusal_of_the_order(tmp_path: Path) -> None:
    log = write(
        tmp_path / "a.jsonl",
        {"client_order_id": "c1", "account": "A1", "method": "cancel", "reply": {"error": "NOT_TRADING_PERIOD"}},
        {"client_order_id": "c1", "account": "A1", "method": "cancel", "reply": {"success": True, "orderid": "x"}},
    )
    client = read_intent_logs([log], {})[Key("A1", "c1")]
    assert client.refusals == []
    assert client.order_ids == ["x"]


def test_answers_that_settle_nothing_are_no_refusals(tmp_path: Path) -> None:
    replies: list[dict[str, object]] = [
        {"client_order_id": "c1", "account": "A1", "reply": {"error": code}}
        for code in ("NOT_ACTIVE", "TIMEOUT", "SERVICE_UNAVAILABLE", "INTERNAL_ERROR", "DUPLICATE_ID", "OUTCOME_UNKNOWN")
    ]
    client = read_intent_logs([write(tmp_path / "a.jsonl", *replies)], {})[Key("A1", "c1")]
    assert client.refusals == []
    assert client.promised
    assert not client.accepted


@pytest.mark.parametrize(("status", "taken"), [("acknowledged", True), ("published", False)])
def test_an_intent_that_is_on_its_way_is_promised_and_not_accepted(tmp_path: Path, status: str, taken: bool) -> None:
    reply: dict[str, object] = {"client_order_id": "c1", "account": "A1", "reply": {"success": True, "status": status}}
    client = read_intent_logs([write(tmp_path / "a.jsonl", reply)], {})[Key("A1", "c1")]
    assert (client.promised, client.taken, client.accepted) == (True, taken, False)


def test_lines_about_something_else_are_passed_over(tmp_path: Path) -> None:
    assert read_intent_logs([write(tmp_path / "a.jsonl", {"started": 1})], {}) == {}


def test_a_folder_stands_for_all_its_logs(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.jsonl", {"client_order_id": name, "account": "A1"})
    (tmp_path / "other.txt").write_text("no log")
    assert set(read_intent_logs([tmp_path.as_uri()], {})) == {Key("A1", "a"), Key("A1", "b")}


def test_an_unfinished_last_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"client_order_id": "c1", "account": "A1"}\n{"client_order_id": "c2", "acc')
    assert set(read_intent_logs([str(path)], {})) == {Key("A1", "c1")}


@pytest.mark.parametrize("line", ["{oops}", "[1]", '{"client_order_id": "c2", "asked": {"volume": "many"}}', '"\\ud800'])
def test_a_damaged_line_names_file_and_offset(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    first = '{"client_order_id": "c1", "account": "A1"}\n'
    path.write_text(f"{first}{line}\n{first}")
    with pytest.raises(UnreadableError) as error:
        read_intent_logs([str(path)], {})
    assert (error.value.location, error.value.offset) == (str(path), len(first))


def test_a_missing_log_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="no such"):
        read_intent_logs([str(tmp_path / "none.jsonl")], {})
