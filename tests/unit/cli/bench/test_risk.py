"""The risk benchmark measures reviews that pass, with every rule asked."""

from tradepit.cli.bench.risk import measure
from tradepit.trading.risk.rules import RULES


def test_every_rule_is_asked_and_every_review_counted() -> None:
    told = measure(reviews=20, passes=2)
    assert told.rules == len(RULES) + 5
    assert (told.contracts_held, told.working_orders) == (10, 20)
    assert told.one_pass.n == told.best_of_passes.n == 20
    assert 0 < told.best_of_passes.p50 <= told.one_pass.most
