"""Freshness: an order that took too long to get here, or comes from the future, is not what its sender wants now."""

from typing import Annotated, ClassVar

from msgspec import Meta

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule

_MS = 1_000_000


class Freshness(Rule, frozen=True, kw_only=True):
    """``max_age_ms`` since the sender's instant, ``max_skew_ms`` ahead of our clock; ``instant_required`` refuses orders without.

    Where the sender told an expiry, the order is too old from that instant on, whatever its age.

    A reducing order must be fresh as well: closing on an old signal is a new decision, and its sender has to make it.
    """

    name: ClassVar[str] = "freshness"
    spares_reducing: ClassVar[bool] = False

    max_age_ms: Annotated[int, Meta(ge=1)] = 5_000
    max_skew_ms: Annotated[int, Meta(ge=0)] = 1_000
    instant_required: bool = False

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - age is the order's own
        if intent.expires_ns and now_ns >= intent.expires_ns:
            late = f"{(now_ns - intent.expires_ns) // _MS} ms late"
            return self.refuse("STALE_INTENT", limit="expiry", value=late, message="the order is not wanted any more")
        if not intent.created_ns:
            if not self.instant_required:
                return None
            return self.refuse("STALE_INTENT", limit="instant", value="none", message="the order does not say when it was made")
        age_ns = now_ns - intent.created_ns
        if age_ns > self.max_age_ms * _MS:
            limit, message = f"{self.max_age_ms} ms", "the order is too old"
        elif -age_ns > self.max_skew_ms * _MS:
            limit, message = f"-{self.max_skew_ms} ms", "the order comes from the future"
        else:
            return None
        return self.refuse("STALE_INTENT", limit=limit, value=f"{age_ns // _MS} ms", message=message)
