"""Loading the pipeline: defaults, switches, and settings that are wrong."""

from collections.abc import Callable

import pytest

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Offset, Side
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.review import Approved, review
from tradepit.trading.risk.rules import RULES, default_rules, load_rules


def test_names_are_unique_and_the_order_is_the_pipelines() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert [rule.name for rule in default_rules()] == names
    assert names[0] == "trading_state"


def test_a_rule_is_switched_off_only_explicitly() -> None:
    names = [rule.name for rule in load_rules({"collar": False, "rate": {"orders_per_s": 5}})]
    assert "collar" not in names
    assert "rate" in names


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"order_size": {"max_lotz": 5}}, "order_size"),
        ({"order_size": {"max_lots": "many"}}, "order_size"),
        ({"order_size": {"max_lots": -1}}, "order_size"),
        ({"order_size": {"max_notional": {"CNY": "NaN"}}}, "order_size"),
        ({"order_size": None}, "order_size"),
        ({"order_size": True}, "order_size"),
        ({"collar": {"max_away": "-0.1"}}, "collar"),
        ({"daily_loss": {"max_loss_share": None}}, "daily_loss"),
        ({"daily_loss": {"max_loss": "-5"}}, "daily_loss"),
        ({"position_limit": {"by_symbol": {"IF2501": {"max_long": 5}}}}, "position_limit"),
        ({"rate": {"orders_per_s": 0}}, "rate"),
        ({"positon_limit": {"max_long": 5}}, "positon_limit"),
        ({"freshness": {"max_age_ms": 0}}, "freshness"),
    ],
)
def test_wrong_settings_refuse_every_order_in_the_rules_name(
    settings: dict[str, object], rule: str, exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    verdict = review(make_intent(), exposure, load_rules(settings), now)
    assert isinstance(verdict, Refused)
    assert (verdict.code, verdict.rule) == ("RULE_FAILED", rule)
    assert verdict.value


def test_a_broken_limit_spares_reducing_orders_a_broken_fact_does_not(
    exposure: Exposure, make_intent: Callable[..., OrderIntent], hold: Callable[..., None], now: int
) -> None:
    hold(exposure, volume_lots=5)
    closing = make_intent(client_order_id="c", side=Side.SELL, offset=Offset.CLOSE, volume_lots=5)
    assert isinstance(review(closing, exposure, load_rules({"collar": {"nonsense": 1}}), now), Approved)
    assert isinstance(review(closing, exposure, load_rules({"freshness": {"nonsense": 1}}), now), Refused)
