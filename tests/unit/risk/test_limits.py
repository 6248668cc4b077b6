"""Limits by scope: the strictest wins, what cannot be read refuses, and nothing unusable is taken."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Offset, Side
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.limits import LimitBook, Setting
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.review import Approved, review
from tradepit.trading.risk.rules import default_rules, load_rules

Make = Callable[..., OrderIntent]


def put(book: LimitBook, scope: str, limits: dict[str, dict[str, Any] | None]) -> None:
    book.put(scope, Setting(limits=book.changed(scope, limits), who="me", reason="test", time_ns=1))


def code(book: LimitBook, intent: OrderIntent, exposure: Exposure, now: int) -> str | None:
    verdict = review(intent, exposure, book.rules_for(intent), now)
    return verdict.code if isinstance(verdict, Refused) else None


@pytest.mark.parametrize("scope", ["account:a", "bot:b", "symbol:IF2501", "reference:r", "global"])
def test_every_scope_tightens(scope: str, exposure: Exposure, make_intent: Make, now: int) -> None:
    book = LimitBook(default_rules())
    put(book, scope, {"order_size": {"max_lots": 4}})
    mine = {"bot": "b", "reference": "r"}
    assert code(book, make_intent(volume_lots=4, **mine), exposure, now) is None
    assert code(book, make_intent(volume_lots=5, **mine), exposure, now) == "QUANTITY_EXCEEDS_MAXIMUM"
    exposure.open_account("x", Decimal(100_000_000))
    other = make_intent(
        account="x", symbol="rb2505", exchange=exposure.markets["rb2505"].instrument.product.exchange,
        price_ticks=3300, volume_lots=5,
    )  # fmt: skip
    assert code(book, other, exposure, now) == ("QUANTITY_EXCEEDS_MAXIMUM" if scope == "global" else None)
    put(book, scope, {"order_size": None})
    assert code(book, make_intent(volume_lots=5, **mine), exposure, now) is None


def test_a_narrow_scope_cannot_loosen_what_a_wide_one_forbids(exposure: Exposure, make_intent: Make, now: int) -> None:
    book = LimitBook(load_rules({"order_size": {"max_lots": 3}}))
    put(book, "bot:b", {"order_size": {"max_lots": 10}})
    put(book, "account:a", {"order_size": {"max_lots": 2}})
    assert code(book, make_intent(volume_lots=2, bot="b"), exposure, now) is None
    assert code(book, make_intent(volume_lots=3, bot="b"), exposure, now) == "QUANTITY_EXCEEDS_MAXIMUM"
    put(book, "account:a", {"order_size": None})
    assert code(book, make_intent(volume_lots=4, bot="b"), exposure, now) == "QUANTITY_EXCEEDS_MAXIMUM"
    put(book, "global", {"order_size": {"max_lots": 6}})
    assert code(book, make_intent(volume_lots=6, bot="b"), exposure, now) is None
    assert code(book, make_intent(volume_lots=7, bot="b"), exposure, now) == "QUANTITY_EXCEEDS_MAXIMUM"


def test_global_changes_fields_and_keeps_the_configured_others(exposure: Exposure, make_intent: Make, now: int) -> None:
    book = LimitBook(load_rules({"order_size": {"max_lots": 3, "max_notional": {"CNY": "1500000"}}}))
    put(book, "global", {"order_size": {"max_lots": 6}})
    assert code(book, make_intent(volume_lots=2), exposure, now) == "NOTIONAL_EXCEEDS_MAX_PER_ORDER"
    assert [rule.name for rule in book.base] == [rule.name for rule in default_rules()]


def test_rates_have_one_bucket_and_the_smaller_number_counts(exposure: Exposure, make_intent: Make, now: int) -> None:
    book = LimitBook(default_rules())
    put(book, "account:a", {"rate": {"order_burst": 2, "max_day_orders": 5}})
    put(book, "bot:b", {"rate": {"bot_order_burst": 1, "order_burst": 9}})
    assert [code(book, make_intent(), exposure, now) for _ in range(3)] == [None, None, "RATE_LIMIT_EXCEEDED"]
    later = now + 1_000_000_000
    codes = [code(book, make_intent(bot="b", created_ns=later), exposure, later) for _ in range(2)]
    assert codes == [None, "RATE_LIMIT_EXCEEDED"]
    rate = next(rule for rule in book.rules_for(make_intent(bot="b")) if rule.name == "rate")
    assert (rate.order_burst, rate.bot_order_burst, rate.max_day_orders) == (2, 1, 5)  # type: ignore[attr-defined]  # it is a Rate


def test_a_rule_that_was_switched_off_can_be_set(exposure: Exposure, make_intent: Make, now: int) -> None:
    book = LimitBook(load_rules({"order_size": False, "rate": False}))
    assert code(book, make_intent(volume_lots=20), exposure, now) is None
    put(book, "symbol:IF2501", {"order_size": {"max_lots": 4}})
    put(book, "account:a", {"rate": {"order_burst": 1}})
    assert code(book, make_intent(volume_lots=5), exposure, now) == "QUANTITY_EXCEEDS_MAXIMUM"
    assert code(book, make_intent(), exposure, now) == "RATE_LIMIT_EXCEEDED"


@pytest.mark.parametrize("limits", ["nonsense", '{"order_size": 5}', '{"order_size": {"max_lots": "many"}}', '{"strange": {}}'])
@pytest.mark.parametrize("scope", ["global", "account:a"])
def test_what_cannot_be_read_refuses_in_its_scope(
    limits: str, scope: str, exposure: Exposure, make_intent: Make, now: int
) -> None:
    book = LimitBook(default_rules())
    book.put(scope, Setting(limits=limits, who="me", reason="", time_ns=1))
    assert code(book, make_intent(), exposure, now) == "RULE_FAILED"
    put(book, scope, dict.fromkeys(("order_size",)) if "strange" not in limits else {"order_size": {"max_lots": 9}})
    assert (code(book, make_intent(), exposure, now) is None) is ("strange" not in limits)


def test_a_limit_that_cannot_be_read_traps_no_position(
    exposure: Exposure, make_intent: Make, hold: Callable[..., None], now: int
) -> None:
    book = LimitBook(default_rules())
    hold(exposure, volume_lots=2)
    book.put("account:a", Setting(limits='{"order_size": {"max_lots": -1}}', who="me", reason="", time_ns=1))
    closing = make_intent(client_order_id="c", side=Side.SELL, offset=Offset.CLOSE, volume_lots=2)
    assert isinstance(review(closing, exposure, book.rules_for(closing), now), Approved)


@pytest.mark.parametrize(
    ("scope", "limits"),
    [
        ("global", {"strange": {}}),
        ("account:a", {"order_size": {"max_lots": -1}}),
        ("account:a", {"order_size": {"max_lotz": 1}}),
        ("symbol:IF2501", {"rate": {"order_burst": 1}}),
        ("bot:b", {"daily_loss": {"max_loss": None, "max_loss_share": None}}),
    ],
)
def test_what_cannot_be_used_is_not_taken(scope: str, limits: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(BadRequest):
        LimitBook(default_rules()).changed(scope, limits)


def test_very_many_scopes_do_not_fill_the_memory(make_intent: Make) -> None:
    book = LimitBook(default_rules())
    put(book, "symbol:IF2501", {"order_size": {"max_lots": 4}})
    for number in range(5_000):
        put_setting = Setting(limits='{"order_size":{"max_lots":1}}', who="", reason="", time_ns=0)
        book._scoped[f"bot:b{number}"] = book._scoped["symbol:IF2501"]
        assert put_setting.limits
        book.rules_for(make_intent(bot=f"b{number}"))
    assert max(len(book._pipelines), len(book._of_orders)) <= 4_096
