"""Bot's own lots: a close order of a bot that would take lots which other bots of the account hold."""

from enum import StrEnum
from typing import ClassVar

from tradepit.trading.model.at_hand import at_hand
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Side
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule


@at_hand
class OthersLots(StrEnum):
    """What becomes of such an order: it passes, it passes and an alert tells of it, or it is refused."""

    ALLOW = "allow"
    REPORT = "report"
    REFUSE = "refuse"


class BotLots(Rule, frozen=True, kw_only=True):
    """The exchange knows the account's lots alone; whose they are is ours to know. A fact, not a limit: closing another's lots leaves
    that one short of what it counts on.

    A bot's own lots are what its trades opened and did not close, less what its working closes will take. Orders of no bot, and
    orders where an exchange knows no offsets, are not concerned.
    """

    name: ClassVar[str] = "bot_lots"
    spares_reducing: ClassVar[bool] = False

    policy: OthersLots = OthersLots.REPORT

    @property
    def idle(self) -> bool:
        """True unless such orders are refused."""
        return self.policy is not OthersLots.REFUSE

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - lots have no age
        return self._over(intent, exposure) if self.policy is OthersLots.REFUSE else None

    def remark(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - as above
        return self._over(intent, exposure) if self.policy is OthersLots.REPORT else None

    def _over(self, intent: OrderIntent, exposure: Exposure) -> Refused | None:
        if not intent.bot or not intent.offset.closes:
            return None
        holding = exposure.holding(intent.account, intent.symbol)
        free = 0 if holding is None else holding.own_lots(intent.bot, long=intent.side is Side.SELL)
        if intent.volume_lots <= free:
            return None
        message = f"more lots than bot {intent.bot} holds and does not close already"
        return self.refuse("OVER_BOT_POSITION", limit=max(0, free), value=intent.volume_lots, message=message)
