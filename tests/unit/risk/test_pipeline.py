"""A pipeline reads as its rules do, and each step of a review asks those alone that take part in it."""

from collections.abc import Callable
from typing import Any

import pytest

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.limits import LimitBook, Setting
from tradepit.trading.risk.pipeline import Pipeline, pipeline_of
from tradepit.trading.risk.rules import RULES, default_rules, load_rules

SAYING = {
    "permission": {"blocked_symbols": ["au"]},
    "bot_lots": {"policy": "refuse"},
    "self_trade": {"policy": "cancel_newest"},
    "abnormal_trading": {"enforce": True},
}


def test_it_is_its_rules() -> None:
    rules = default_rules()
    assert Pipeline(rules) == rules
    assert pipeline_of(Pipeline(rules)) == pipeline_of(rules) == rules
    made = Pipeline(rules)
    assert pipeline_of(made) is made
    assert Pipeline().asked == ()


def test_each_step_asks_who_takes_part() -> None:
    made = Pipeline(load_rules(SAYING))
    assert [type(rule) for rule in made.asked] == list(RULES)
    assert all(not rule.spares_reducing for rule in made.facts)
    assert [rule.name for rule in made.counting] == [rule.name for rule in made.delaying] == ["rate"]
    assert [rule.name for rule in made.remarking] == ["bot_lots", "self_trade"]


@pytest.mark.parametrize(
    ("settings", "idle"),
    [
        ({}, {"permission", "bot_lots", "abnormal_trading"}),
        (SAYING, set()),
        ({"permission": {"symbols": []}}, {"bot_lots", "abnormal_trading"}),
        ({"permission": {"bots": {}}}, {"bot_lots", "abnormal_trading"}),
        ({"permission": {"disabled_accounts": ["a"]}}, {"bot_lots", "abnormal_trading"}),
        ({"self_trade": {"policy": "report"}}, {"permission", "bot_lots", "self_trade", "abnormal_trading"}),
    ],
)
def test_who_can_refuse_nothing_is_not_asked(
    settings: dict[str, Any], idle: set[str], exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    made = Pipeline(load_rules(settings))
    assert {rule.name for rule in made} - {rule.name for rule in made.asked} == idle
    orders = [make_intent(), make_intent(account="nobody"), make_intent(symbol="none", bot="b", offset="CLOSE")]
    assert all(rule.check(order, exposure, now) is None for rule in made if rule.idle for order in orders)


def test_orders_of_one_kind_share_a_pipeline_until_limits_change(make_intent: Callable[..., OrderIntent]) -> None:
    book = LimitBook(default_rules())
    setting = Setting(limits='{"order_size":{"max_lots":4}}', who="me", reason="test", time_ns=1)
    book.put("bot:b", setting)
    mine = book.rules_for(make_intent(bot="b", reference="r1"))
    assert book.rules_for(make_intent(bot="b", reference="r2")) is mine
    assert book.rules_for(make_intent(bot="c")) is book.base
    book.put("reference:r2", setting)
    assert book.rules_for(make_intent(bot="b", reference="r1")) == mine
    assert len(book.rules_for(make_intent(bot="b", reference="r2"))) == len(mine) + 1
    book.put("bot:b", Setting(limits="{}", who="me", reason="test", time_ns=2))
    assert book.rules_for(make_intent(bot="b", reference="r1")) is book.base
