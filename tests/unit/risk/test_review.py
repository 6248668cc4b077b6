"""The review as a whole: what it makes, in which order it asks, how it fails, and what it never stands in the way of."""

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import ClassVar

import pytest

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Offset, Side, TradingState
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.review import Approved, charge, reinstate, review, review_cancel
from tradepit.trading.risk.rule import Rule
from tradepit.trading.risk.rules import default_rules, load_rules

Make = Callable[..., OrderIntent]


class Broken(Rule, frozen=True, kw_only=True):
    name: ClassVar[str] = "broken"

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:
        raise ZeroDivisionError("no such thing")

    def delay_cancel(self, account: str, bot: str, exposure: Exposure, now_ns: int) -> int:
        raise ZeroDivisionError("no such thing")


class Uncountable(Rule, frozen=True, kw_only=True):
    name: ClassVar[str] = "uncountable"

    def charge(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> None:
        raise KeyError(intent.account)


def send_to_broker(approved: Approved) -> str:
    return approved.intent.client_order_id


def refused(verdict: Approved | Refused) -> Refused:
    assert isinstance(verdict, Refused)
    assert verdict.rule
    assert verdict.limit
    assert verdict.value
    assert verdict.message
    return verdict


def test_an_ordinary_order_passes_all_rules(exposure: Exposure, make_intent: Make, now: int) -> None:
    verdict = review(make_intent(), exposure, default_rules(), now)
    assert isinstance(verdict, Approved)
    assert send_to_broker(verdict) == "o1"


def test_a_bare_intent_is_no_approved_order(make_intent: Make) -> None:
    with pytest.raises(AttributeError):
        send_to_broker(make_intent())  # type: ignore[arg-type]  # strict mypy fails on this comment if it ever accepts the call


def test_only_the_review_makes_approved_orders(exposure: Exposure, make_intent: Make, now: int) -> None:
    with pytest.raises(TypeError):
        Approved(make_intent())
    with pytest.raises(TypeError):
        Approved(make_intent(), object())
    approved = review(make_intent(), exposure, default_rules(), now)
    with pytest.raises(AttributeError):
        approved.intent = make_intent(volume_lots=9)  # type: ignore[union-attr, misc]  # the point is that it fails
    with pytest.raises(AttributeError):
        approved._intent = make_intent(volume_lots=9)  # type: ignore[union-attr]  # the point is that it fails
    assert approved == review(make_intent(), exposure, default_rules(), now)
    assert len({approved, review(make_intent(), exposure, default_rules(), now)}) == 1
    assert "o1" in repr(approved)


def test_a_rule_that_raises_refuses_and_is_named(exposure: Exposure, make_intent: Make, now: int) -> None:
    verdict = refused(review(make_intent(), exposure, (Broken(),), now))
    assert (verdict.code, verdict.rule) == ("RULE_FAILED", "broken")
    assert "ZeroDivisionError" in verdict.value


def test_a_request_that_cannot_be_counted_is_refused(exposure: Exposure, make_intent: Make, now: int) -> None:
    assert refused(review(make_intent(), exposure, (Uncountable(),), now)).rule == "uncountable"


def test_no_rules_at_all_refuse(exposure: Exposure, make_intent: Make, now: int) -> None:
    assert refused(review(make_intent(), exposure, (), now)).code == "RULE_FAILED"


def test_limits_spare_an_order_that_strictly_reduces(
    exposure: Exposure, make_intent: Make, hold: Callable[..., None], now: int
) -> None:
    hold(exposure, volume_lots=5)
    closing = make_intent(client_order_id="c", side=Side.SELL, offset=Offset.CLOSE, volume_lots=5)
    nothing_allowed = load_rules(
        {
            "order_size": {"max_lots": 0},
            "position_limit": {"max_long": 0, "max_short": 0},
            "working_cap": {"max_per_account": 0},
            "rate": {"order_burst": 1},
            "daily_loss": {"max_loss": "0"},
        }
    )
    for _ in range(3):
        assert isinstance(review(closing, exposure, nothing_allowed, now), Approved)
    assert isinstance(review(closing, exposure, (Broken(), *default_rules()), now), Approved)
    refused(review(make_intent(client_order_id="n"), exposure, nothing_allowed, now))


def test_a_halted_scope_takes_no_reducing_order_either(
    exposure: Exposure, make_intent: Make, hold: Callable[..., None], now: int
) -> None:
    hold(exposure, volume_lots=5)
    exposure.set_state("symbol:IF2501", TradingState.HALTED)
    closing = make_intent(client_order_id="c", side=Side.SELL, offset=Offset.CLOSE, volume_lots=5)
    assert refused(review(closing, exposure, default_rules(), now)).code == "TRADING_HALTED"


def test_the_exchanges_facts_bind_reducing_orders_too(
    exposure: Exposure, make_intent: Make, hold: Callable[..., None], now: int
) -> None:
    hold(exposure, volume_lots=5)
    closing = make_intent(client_order_id="c", side=Side.SELL, offset=Offset.CLOSE, volume_lots=5, price_ticks=22_499)
    assert refused(review(closing, exposure, default_rules(), now)).code == "PRICE_OVER_LIMIT"


def test_the_first_rule_in_pipeline_order_answers(exposure: Exposure, make_intent: Make, now: int) -> None:
    exposure.set_state("global", TradingState.HALTED)
    bad = make_intent(volume_lots=0, created_ns=1)
    assert refused(review(bad, exposure, default_rules(), now)).rule == "trading_state"
    exposure.set_state("global", TradingState.ACTIVE)
    assert refused(review(bad, exposure, default_rules(), now)).rule == "freshness"


def test_refused_orders_count_in_the_rate(exposure: Exposure, make_intent: Make, now: int) -> None:
    rules = load_rules({"rate": {"orders_per_s": 1, "order_burst": 3}})
    for _ in range(3):
        assert refused(review(make_intent(volume_lots=0), exposure, rules, now)).code == "VOLUME_NOT_VALID"
    assert refused(review(make_intent(), exposure, rules, now)).code == "RATE_LIMIT_EXCEEDED"
    assert isinstance(review(make_intent(), exposure, rules, now + 1_000_000_000), Approved)


def test_cancels_are_delayed_at_most_and_never_refused(exposure: Exposure, now: int) -> None:
    rules = load_rules({"rate": {"cancels_per_s": 10, "cancel_burst": 2, "max_cancel_wait_ms": 500}})
    exposure.set_state("global", TradingState.HALTED)
    waits = [review_cancel("a", exposure, rules, now) for _ in range(20)]
    assert waits[:4] == [0, 0, 100_000_000, 200_000_000]
    assert max(waits) == 500_000_000
    assert review_cancel("a", exposure, rules, now + 10_000_000_000) == 0


def test_no_broken_rule_stands_in_the_way_of_a_cancel(exposure: Exposure, now: int) -> None:
    assert review_cancel("a", exposure, (Broken(), *load_rules({"rate": {"nonsense": 1}, "strange": {}})), now) == 0
    assert review_cancel("nobody", exposure, default_rules(), now) == 0


def test_an_accepted_order_is_reinstated_unchanged_and_untraded_only(
    exposure: Exposure, make_intent: Make, make_trade: Callable[..., Trade]
) -> None:
    assert refused(reinstate(make_intent(), exposure)).code == "NOT_REVIEWED"
    exposure.on_accepted(make_intent())
    assert isinstance(reinstate(make_intent(), exposure), Approved)
    assert refused(reinstate(make_intent(volume_lots=2), exposure)).code == "NOT_REVIEWED"
    exposure.on_fill(make_trade(make_intent(), 1))
    assert refused(reinstate(make_intent(), exposure)).code == "NOT_REVIEWED"


def test_replaying_recorded_requests_rebuilds_the_same_exposure(exposure: Exposure, make_intent: Make, now: int) -> None:
    replayed, rules = copy.deepcopy(exposure), default_rules()
    for number in range(30):
        intent = make_intent(client_order_id=f"o{number}", volume_lots=number % 3)
        at = now + number * 7_000_000
        if isinstance(review(intent, exposure, rules, at), Approved):
            exposure.on_accepted(intent)
            assert charge(intent, replayed, rules, at) is None
            replayed.on_accepted(intent)
        else:
            charge(intent, replayed, rules, at)
    assert replayed == exposure
    assert exposure.books["a"].opening_equity == Decimal(10_000_000)
