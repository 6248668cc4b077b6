"""Self-trade: an order that would trade with a resting order of its own account, or of its account's group, is refused."""

from enum import StrEnum
from typing import ClassVar

import msgspec

from tradepit.trading.model.at_hand import at_hand
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import OrderType, Side
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule

_BUY = Side.BUY  # named for each order: see ``at_hand``


@at_hand
class GivesWay(StrEnum):
    """Who gives way: the order that comes, those that rest (they are cancelled before it is reviewed), or nobody: an alert tells of it,
    and what becomes of it is the exchange's policy.
    """

    CANCEL_NEWEST = "cancel_newest"
    CANCEL_RESTING = "cancel_resting"
    REPORT = "report"


class SelfTrade(Rule, frozen=True, kw_only=True):
    """A fact, not a limit: trading with oneself reduces nothing, and the exchanges count it against the client (five a day).

    An order at the market is taken to reach every own order on the other side. ``groups`` are accounts under one control, by a name.
    ``policy`` cancel_resting: orders of the order's own account that are in its way are cancelled first, if nothing else is
    against the order; as long as one of them rests, the order is refused all the same. Reducing both by the lots they share is
    the exchange's to do (the simulated one's policy ``decrement``): no broker here changes the lots of a resting order.
    Bots of one account are not told apart: their orders must not meet either.
    """

    name: ClassVar[str] = "self_trade"
    spares_reducing: ClassVar[bool] = False

    policy: GivesWay = GivesWay.CANCEL_NEWEST
    groups: dict[str, list[str]] = msgspec.field(default_factory=dict)

    @property
    def idle(self) -> bool:
        """True where nobody gives way."""
        return self.policy is GivesWay.REPORT

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - resting has no age
        return None if self.policy is GivesWay.REPORT else self._meeting(intent, exposure)

    def remark(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - as above
        return self._meeting(intent, exposure) if self.policy is GivesWay.REPORT else None

    def _meeting(self, intent: OrderIntent, exposure: Exposure) -> Refused | None:
        if not self.groups and not self._best(intent, exposure, intent.account):
            return None
        for account in self._accounts(intent.account):
            own = self._best(intent, exposure, account)
            if own:
                whose = "an own resting order" if account == intent.account else f"a resting order of {account}"
                value = f"{intent.price_ticks} ticks" if intent.order_type.priced else "market"
                return self.refuse("SELF_TRADE", limit=f"{own} ticks", value=value, message=f"would meet {whose}")
        return None

    def in_the_way(self, intent: OrderIntent, exposure: Exposure) -> list[str]:
        """The account's own resting orders the order would meet, by their senders' ids; none where the newest gives way."""
        holding = exposure.holding(intent.account, intent.symbol)
        if self.policy is not GivesWay.CANCEL_RESTING or holding is None:
            return []
        return [
            name
            for name, working in holding.working.items()
            if working.rests
            and working.intent.order_type is OrderType.LIMIT
            and working.intent.side is not intent.side
            and _reaches(intent, working.intent.price_ticks)
        ]

    def _accounts(self, account: str) -> list[str]:
        if not self.groups:
            return [account]
        members = {name for group in self.groups.values() if account in group for name in group}
        return [account, *sorted(members - {account})]

    @staticmethod
    def _best(intent: OrderIntent, exposure: Exposure, account: str) -> int:
        """The best price at which the account's orders wait for this one, 0 when none does."""
        holding = exposure.holding(account, intent.symbol)
        if holding is None:
            return 0
        own = holding.asks.best if intent.side is _BUY else holding.bids.best
        return own if own and _reaches(intent, own) else 0


def _reaches(intent: OrderIntent, price_ticks: int) -> bool:
    if not intent.order_type.priced:
        return True
    return intent.price_ticks >= price_ticks if intent.side is _BUY else intent.price_ticks <= price_ticks
