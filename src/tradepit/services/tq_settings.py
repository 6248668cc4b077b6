"""What the broker-connect services are told: whose portfolio, on which account, how often they look."""

from typing import Annotated

import msgspec

from tradepit.wire.tq import KEY_TTL_S

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3_600)]


class TqServiceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``account`` is the broker's name of the account that trades for ``portfolio_id``, the same when empty.

    Positions and money are looked at whenever something trades, and every ``look_s`` seconds. What has not changed is told again
    every ``tell_again_s`` seconds, so that no key ever runs out of its ``key_ttl_s`` while the services live. A cancel waits
    ``cancel_patience_s`` for its order, for the two come through different queues; then it queues up behind the orders. An
    order older than ``max_age_s`` by its sender's timestamp is refused (STALE_INTENT), so that what piled up in a queue
    during an outage does not trade on yesterday's wish; 0, the documents' behaviour, trades it.
    """

    portfolio_id: str
    account: str = ""
    look_s: Seconds = 1.0
    tell_again_s: Seconds = 600.0
    key_ttl_s: Annotated[float, msgspec.Meta(gt=0)] = KEY_TTL_S
    cancel_patience_s: Annotated[float, msgspec.Meta(ge=0, le=60)] = 1.0
    max_age_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0.0

    @property
    def broker_account(self) -> str:
        """The account's name at the broker."""
        return self.account or self.portfolio_id
