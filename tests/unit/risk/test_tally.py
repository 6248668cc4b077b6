"""Decisions are counted under the names that the platform's document gives them."""

from collections.abc import Callable

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.review import review
from tradepit.trading.risk.rules import load_rules
from tradepit.trading.risk.tally import RiskTally


def test_decisions_breaches_and_throttles_are_counted(
    exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    tally = RiskTally()
    rules = load_rules({"rate": {"order_burst": 4, "orders_per_s": 1}, "order_size": {"max_lots": 5}})
    for lots in (1, 6, 6, 2, 1, 1):
        tally.count(review(make_intent(volume_lots=lots), exposure, rules, now))
    assert tally.figures() == {
        "risk_decisions_total__approved": 2,
        "risk_decisions_total__refused": 4,
        "risk_throttles_total": 2,
        "risk_breaches_total__order_size": 2,
        "risk_breaches_total__rate": 2,
    }
