"""The rules of a review in the order they are asked, sorted out once by what each takes part in."""

from collections.abc import Callable, Iterable, Sequence
from typing import Self

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule

Check = Callable[[OrderIntent, Exposure, int], Refused | None]


class Pipeline(tuple[Rule, ...]):  # noqa: SLOT001 - a tuple of any length has room for no slots
    """All rules, to be read as any tuple of them. Most take part in few steps of a review, and which ones is known beforehand:

    ``asked`` may refuse an order, ``facts`` are those of them that are asked about a reducing order too; ``checks`` and
    ``fact_checks`` are what is asked of them, with their names. ``counting`` count requests, ``remarking`` tell of orders that pass,
    ``delaying`` may hold a cancel back.
    """

    asked: tuple[Rule, ...]
    facts: tuple[Rule, ...]
    checks: tuple[tuple[Check, str], ...]
    fact_checks: tuple[tuple[Check, str], ...]
    counting: tuple[Rule, ...]
    remarking: tuple[Rule, ...]
    delaying: tuple[Rule, ...]

    def __new__(cls, rules: Iterable[Rule] = ()) -> Self:
        """The pipeline of ``rules``, in their order."""
        made = super().__new__(cls, rules)
        made.asked = tuple(rule for rule in made if not rule.idle)
        made.facts = tuple(rule for rule in made.asked if not rule.spares_reducing)
        made.checks = tuple((rule.check, rule.name) for rule in made.asked)
        made.fact_checks = tuple((rule.check, rule.name) for rule in made.facts)
        made.counting = tuple(rule for rule in made if rule.counts_requests)
        made.remarking = tuple(rule for rule in made if rule.remarks)
        made.delaying = tuple(rule for rule in made if rule.delays_cancels)
        return made


def pipeline_of(rules: Sequence[Rule]) -> Pipeline:
    """``rules`` as a pipeline; one that already is stays as it is."""
    return rules if isinstance(rules, Pipeline) else Pipeline(rules)
