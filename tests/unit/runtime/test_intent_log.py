"""The intent log keeps every question and answer as lines."""

from decimal import Decimal
from pathlib import Path

import msgspec

from tradepit.runtime.intent_log import IntentLog


def test_lines_are_there_before_the_log_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "intents.jsonl"
    log = IntentLog(path)
    log.asked("a-1", {"symbol": "IF2501", "price": Decimal("3900.2")}, 7)
    log.answered("a-1", {"error": "PRICE_WRONG_TICK"}, 8)
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    assert [line["event"] for line in lines] == ["asked", "answered"]
    assert lines[0]["request"]["price"] == "3900.2"
    log.close()
    log.close()
    again = IntentLog(path)
    again.asked("a-2", {}, 9)
    again.close()
    assert len(path.read_bytes().splitlines()) == 3


def test_without_a_path_nothing_is_kept() -> None:
    log = IntentLog(None)
    log.asked("a-1", {}, 1)
    log.close()
