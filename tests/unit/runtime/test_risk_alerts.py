"""Alerts are told when they change, once, and do not flutter."""

from decimal import Decimal

from tradepit.runtime.risk_alerts import AlertBook, AlertLimits, Severity
from tradepit.trading.model.account import Account

LIMITS = AlertLimits(position_lots=100, loss=Decimal(10_000), margin_ratio=Decimal("0.5"))


def account(result: int = 0, margin: int = 0) -> Account:
    return Account(account="A1", pre_balance=Decimal(100_000), close_profit=Decimal(result), margin=Decimal(margin))


def told(book: AlertBook, held: Account, lots: int = 0, day: int = 1) -> list[tuple[str, str]]:
    return [(breach.rule, breach.severity.value) for breach in book.judge(held, {"IF2501": lots}, day)]


def test_positions_warn_breach_and_clear_once_each() -> None:
    book = AlertBook(LIMITS)
    steps = [
        (79, []),
        (80, ["WARNING"]),
        (95, []),
        (100, ["CRITICAL"]),
        (120, []),
        (91, []),
        (85, ["WARNING"]),
        (75, []),
        (71, ["CLEARED"]),
    ]
    for lots, expected in steps:
        assert [severity for _, severity in told(book, account(), lots)] == expected, lots
    assert [severity for _, severity in told(book, account(), -100)] == ["CRITICAL"]
    assert (book.standing, book.critical) == (1, 1)


def test_a_position_that_is_gone_clears_its_alert() -> None:
    book = AlertBook(LIMITS)
    told(book, account(), 100)
    assert [(breach.rule, breach.severity) for breach in book.judge(account(), {}, 1)] == [("position", Severity.CLEARED)]


def test_losses_and_margin() -> None:
    book = AlertBook(LIMITS)
    assert told(book, account(-8_000, 10_000)) == [("loss", "WARNING")]
    assert told(book, account(-10_000, 45_000)) == [("loss", "CRITICAL"), ("margin_ratio", "CRITICAL")]
    assert told(book, account(5_000, 10_000)) == [("loss", "CLEARED"), ("margin_ratio", "CLEARED")]
    assert book.standing == 0


def test_an_account_may_have_limits_of_its_own_and_zero_is_none() -> None:
    book = AlertBook(LIMITS, {"A1": AlertLimits(margin_ratio=Decimal(0))})
    assert told(book, account(-90_000, 90_000), 1_000) == []


def test_numbers_tell_repeated_breaches_of_a_day_apart() -> None:
    book = AlertBook(AlertLimits(position_lots=10, margin_ratio=Decimal(0)))
    numbers = [breach.number for lots in (10, 0, 10) for breach in book.judge(account(), {"IF2501": lots}, 1)]
    assert numbers == [1, 2, 3]
    assert [breach.number for breach in book.judge(account(), {"IF2501": 0}, 2)] == [1]
    assert Severity.CRITICAL == "CRITICAL"
