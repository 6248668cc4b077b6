"""What every risk rule is: a frozen struct of limits with one ``check``; unknown settings are refused when it is loaded."""

from typing import ClassVar

import msgspec

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import TradingState
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all rules. A rule reads the exposure and never changes it, except for its own request buckets in ``charge``.

    ``spares_reducing``: True for limits of ours, which never stand in the way of an order that strictly reduces exposure;
    False for facts (the exchange's conditions, the age of the request), which no good intention changes.
    ``counts_requests``: True for a rule with a ``charge`` of its own, ``remarks``: with a ``remark``, ``delays_cancels``: with a
    ``delay_cancel``; found out when it is defined.
    """

    name: ClassVar[str]
    spares_reducing: ClassVar[bool] = True
    counts_requests: ClassVar[bool] = False
    remarks: ClassVar[bool] = False
    delays_cancels: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.counts_requests = cls.charge is not Rule.charge
        cls.remarks = cls.remark is not Rule.remark
        cls.delays_cancels = cls.delay_cancel is not Rule.delay_cancel

    @property
    def idle(self) -> bool:
        """True when these limits can refuse no order whatever: ``check`` needs not be asked."""
        return False

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:
        """Why this order may not go, None when this rule has nothing against it. May raise: the review then refuses."""
        raise NotImplementedError

    def remark(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - says nothing
        """What this rule lets pass and tells of all the same, in the words of a refusal."""
        return None

    def charge(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> None:
        """Count a request that came to review, whatever becomes of it."""

    def delay_cancel(self, account: str, bot: str, exposure: Exposure, now_ns: int) -> int:  # noqa: ARG002 - looks at nothing
        """How long (ns) a cancel must wait. A rule may slow a cancel down, never stop it."""
        return 0

    def refuse(self, code: str, *, limit: object, value: object, message: str, escalate: TradingState | None = None) -> Refused:
        """A refusal in this rule's name."""
        return Refused(code=code, rule=self.name, limit=str(limit), value=str(value), message=message, escalate=escalate)
