"""What holds for every rule."""

from collections.abc import Callable

import msgspec
import pytest

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.rule import Rule
from tradepit.trading.risk.rules import RULES


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_working_defaults_and_refuses_unknown_settings(
    rule: type[Rule], exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    loaded = msgspec.convert({}, rule)
    loaded.charge(make_intent(), exposure, now)
    assert loaded.check(make_intent(), exposure, now) is None
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"no_such_limit": 1}, rule)


def test_a_rule_must_say_how_it_checks(exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int) -> None:
    with pytest.raises(NotImplementedError):
        Rule().check(make_intent(), exposure, now)
    assert Rule().delay_cancel("a", "", exposure, now) == 0
