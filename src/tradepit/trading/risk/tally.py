"""What the review has decided, counted: for whoever watches it. Counts are of one desk's life, nothing is judged by them."""

import msgspec

from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.review import Approved

RATE_LIMIT = "RATE_LIMIT_EXCEEDED"


class RiskTally(msgspec.Struct):
    """``breaches`` are refusals by rule; ``throttles`` orders refused, and cancels held back, for coming too fast."""

    approved: int = 0
    refused: int = 0
    throttles: int = 0
    breaches: dict[str, int] = {}

    def count(self, verdict: Approved | Refused) -> None:
        """The review has decided."""
        if isinstance(verdict, Approved):
            self.approved += 1
            return
        self.refused += 1
        self.breaches[verdict.rule] = self.breaches.get(verdict.rule, 0) + 1
        self.throttles += verdict.code == RATE_LIMIT

    def figures(self) -> dict[str, int]:
        """Under the bot platform's names; what follows two underscores is a label."""
        return {
            "risk_decisions_total__approved": self.approved,
            "risk_decisions_total__refused": self.refused,
            "risk_throttles_total": self.throttles,
            **{f"risk_breaches_total__{rule}": count for rule, count in sorted(self.breaches.items())},
        }
