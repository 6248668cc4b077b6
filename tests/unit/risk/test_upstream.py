"""Rule ``upstream``: it lets everything pass, and only where it is asked for by name."""

from tests.order_path import an_intent

from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.review import Approved, review
from tradepit.trading.risk.rules import RULES
from tradepit.trading.risk.upstream import ReviewedUpstream


def test_it_lets_every_order_pass_and_no_rule_at_all_none() -> None:
    intent = an_intent(lots=10**6)
    assert isinstance(review(intent, Exposure(), (ReviewedUpstream(),), 0), Approved)
    assert not isinstance(review(intent, Exposure(), (), 0), Approved)


def test_it_is_no_part_of_the_pipeline() -> None:
    assert ReviewedUpstream not in RULES
