"""``tradepit risk``: what is typed becomes one request with who and why, what came back decides the exit code."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.cli.main import app
from tradepit.cli.risk import limits_of
from tradepit.compose.wiring import Wiring
from tradepit.ports.bus import Bus, Message
from tradepit.runtime.halt_box import HaltBox
from tradepit.trading.model.errors import BadRequest

Printed = pytest.CaptureFixture[str]
SCOPE = {"scope": "account:A1", "limits": {"margin": {}}, "revision": 2, "who": "me", "reason": "x"}
CHECKLIST = {
    "state_set": True, "orders_found": 0, "cancelled": 0, "still_working": [], "closing_orders": 0, "flatten_refused": [],
    "positions_left": [],
}  # fmt: skip
ANSWERS: dict[str, dict[str, Any]] = {
    "get_limits": {"success": True, "configured": {"margin": {"max_leverage": None}}, "scopes": [SCOPE], "states": {"global": "HALTED"}},
    "set_limits": {"success": True, "scopes": [SCOPE]},
    "evaluate": {"success": True, "allowed": False, "reason": "LOSS_CAP"},
    "set_state": {"success": True, "scope": "account:A1", "state": "HALTED", "cancelling": 0, "checklist": CHECKLIST},
    "audit": {
        "success": True, "total": 1,
        "rows": [
            {
                "number": 1, "datetime": "2025", "action": "set_state", "scope": "global", "before": "ACTIVE", "after": "HALTED",
                "who": "me", "reason": "[red]", "key": "",
            }
        ],
    },
}  # fmt: skip


class Desk:
    """What was asked of order management; it answers, refuses with ``error``, or is not there."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.error = ""
        self.away = False
        self.folder = folder

    async def answer(self, message: Message) -> bytes:
        method = message.subject.rpartition(".")[2]
        self.asked.append((method, json.loads(message.payload)))
        refusal = {"success": False, "error": self.error, "message": "no", "details": {"revision": "3"}}
        return json.dumps(refusal if self.error else ANSWERS[method]).encode()

    def run(self, *words: str) -> int:
        return int(app(["risk", *words], result_action="return_value"))


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    (tmp_path / ".tradepit").mkdir()
    monkeypatch.chdir(tmp_path)

    class Served(MemoryBus):
        async def connect(self) -> None:
            await super().connect()
            if not made.away:
                await self.serve("rpc.order-management.*", made.answer)

    def bus(self: Wiring) -> Bus:
        self._bus = self._bus or Served(MemoryHub())
        return self._bus

    monkeypatch.setattr(Wiring, "bus", bus)
    return made


@pytest.mark.parametrize(
    ("words", "method", "said"),
    [
        (("show",), "get_limits", "account:A1"),
        (("set", "account:A1", "margin", "{}", "--reason", "x", "--who", "me"), "set_limits", "revision"),
        (("resume", "account:A1", "--reason", "x"), "set_state", "state"),
        (("audit",), "audit", "[red]"),
        (("halt", "account:A1", "--reason", "x", "--wait-ms", "50"), "set_state", "orders_found"),
    ],
)
def test_each_command_asks_one_question(words: tuple[str, ...], method: str, said: str, desk: Desk, capsys: Printed) -> None:
    assert desk.run(*words) == 0
    assert {asked for asked, _ in desk.asked} == {method}
    assert said in capsys.readouterr().out
    assert desk.run(*words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["success"] is True


def test_a_change_says_who_and_why_and_what_was_seen(desk: Desk) -> None:
    desk.run("set", "bot:b", "order_size", '{"max_lots": 4}', "--reason", "why", "--who", "me", "--revision", "2", "--key", "k")
    assert desk.asked == [
        ("set_limits", {"scope": "bot:b", "limits": {"order_size": {"max_lots": 4}}, "who": "me", "reason": "why", "revision": 2, "key": "k"})
    ]  # fmt: skip
    desk.run("set", "bot:b", "order_size", "null", "--reason", "why")
    assert desk.asked[1][1]["limits"] == {"order_size": None}
    assert desk.asked[1][1]["who"]
    desk.error = "REVISION_CONFLICT"
    assert desk.run("set", "bot:b", "order_size", "null", "--reason", "why") == 3


def test_a_refusal_by_the_review_is_a_finding(desk: Desk, capsys: Printed) -> None:
    assert desk.run("evaluate", "buy", "IF2501", "3900.2", "2", "--account", "A1", "--json") == 1
    assert json.loads(capsys.readouterr().out)["reason"] == "LOSS_CAP"
    [(_, body)] = desk.asked
    assert (body["side"], body["price"], body["volume"], body["account"]) == ("BUY", 3900.2, 2, "A1")
    assert desk.run("evaluate", "sell", "IF2501", "market", "2", "--type", "MARKET") == 1
    assert desk.asked[1][1]["price"] is None
    assert desk.run("evaluate", "sell", "IF2501", "dear", "2") == 2


def test_a_halt_is_kept_when_nobody_answers(desk: Desk, capsys: Printed) -> None:
    desk.away = True
    assert desk.run("halt", "global", "--reason", "x", "--who", "me", "--wait-ms", "50", "--key", "k1") == 5
    assert "kept in" in capsys.readouterr().out
    [wish] = HaltBox(desk.folder / ".tradepit" / "halts").pending()
    assert (wish.scope, wish.state, wish.who, wish.reason, wish.key) == ("global", "HALTED", "me", "x", "k1")
    desk.away = False
    assert desk.run("show") == 0
    assert "halts that wait" in capsys.readouterr().out
    assert desk.run("resume", "global", "--reason", "x") == 3
    assert "HALT_PENDING" in capsys.readouterr().err
    assert desk.run("halt", "global", "--reason", "x", "--who", "me", "--wait-ms", "50", "--key", "k1") == 0
    assert desk.run("resume", "global", "--reason", "x") == 0


def test_where_no_house_is_a_halt_is_not_said_to_be_kept(desk: Desk, capsys: Printed) -> None:
    (desk.folder / ".tradepit").rmdir()
    desk.away = True
    assert desk.run("halt", "global", "--reason", "x", "--wait-ms", "50") == 4
    assert "could be kept nowhere" in capsys.readouterr().err
    assert list(desk.folder.iterdir()) == []
    desk.away = False
    assert desk.run("halt", "global", "--reason", "x", "--wait-ms", "50") == 0


def test_a_halt_that_is_refused_does_not_stay(desk: Desk, capsys: Printed) -> None:
    desk.error = "INVALID_REQUEST"
    assert desk.run("halt", "everything", "--reason", "x", "--reducing", "--wait-ms", "50") == 3
    assert desk.asked[0][1]["state"] == "REDUCING"
    assert HaltBox(desk.folder / ".tradepit" / "halts").pending() == []
    assert "INVALID_REQUEST" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["five", "5", "[]", "", "{", '{"a": \x00}', "\udc80"])
def test_what_are_no_limits_is_refused(text: str, desk: Desk) -> None:
    with pytest.raises(BadRequest):
        limits_of(text)
    assert desk.run("set", "global", "margin", text, "--reason", "x") == 2
    assert desk.asked == []


def test_the_words_of_the_terminal_are_those_of_the_door() -> None:
    check: Callable[[str], object] = limits_of
    assert check("null") is None
    assert check('{"max_lots": 4}') == {"max_lots": 4}
