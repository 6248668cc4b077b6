"""Kill switch: a halted scope takes no new order at all, a reducing one only orders that strictly reduce exposure."""

from typing import ClassVar

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import TradingState as State
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule


class TradingState(Rule, frozen=True, kw_only=True):
    """No limits of its own: the states are set by people and by breaches, per global, account, symbol and reference scope."""

    name: ClassVar[str] = "trading_state"
    spares_reducing: ClassVar[bool] = False

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - states hold until reset
        if not exposure.states:
            return None
        state, scope = exposure.state_of(intent)
        if state is State.ACTIVE:
            return None
        if state is State.HALTED:
            return self.refuse("TRADING_HALTED", limit=state, value=scope, message=f"trading is halted for {scope}")
        if exposure.reduces(intent):
            return None
        message = f"only orders that strictly reduce the position are taken for {scope}"
        return self.refuse("TRADING_STATE_REDUCING", limit=state, value=scope, message=message)
