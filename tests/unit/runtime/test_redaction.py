"""Secrets are taken out of texts, values and log records, exceptions included."""

from loguru import logger

from tradepit.runtime.redaction import Redactor


def test_texts_and_values() -> None:
    redactor = Redactor(["swordfish", "swordfish-2", "abc", ""])
    assert redactor.text("a swordfish-2 and a swordfish, abc") == "a ••• and a •••, abc"
    told = {"list": ["swordfish", 1, None], "swordfish": {"x": "swordfish"}}
    assert redactor.value(told) == {"list": ["•••", 1, None], "•••": {"x": "•••"}}


def test_log_records_and_their_exceptions() -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}", backtrace=False, diagnose=False)
    clean = logger.patch(Redactor(["swordfish"]).record)
    clean.opt(exception=ValueError("swordfish")).error("it was {}", "swordfish")
    clean.opt(exception=KeyError("nothing secret")).error("other")
    logger.remove(sink)
    assert "swordfish" not in lines[0]
    assert "it was •••" in lines[0]
    assert "ValueError: •••" in lines[0]
    assert "KeyError: 'nothing secret'" in lines[1]
