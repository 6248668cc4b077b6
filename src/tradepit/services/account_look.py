"""Looks at an account's money: what has changed goes to the queue of account updates."""

from tradepit.ports.broker import Broker
from tradepit.ports.bus import Bus
from tradepit.ports.clock import Clock
from tradepit.services.queue_worker import Figures
from tradepit.services.tq_settings import TqServiceSettings
from tradepit.trading.model.account import Account
from tradepit.wire.tq_codec import account_update, encode


class AccountLook:
    """Tells the account when it has changed, and again from time to time, so that its key does not run out."""

    def __init__(self, *, broker: Broker, bus: Bus, updates: str, clock: Clock, settings: TqServiceSettings) -> None:
        self._broker, self._bus, self._updates = broker, bus, updates
        self._clock, self._settings = clock, settings
        self._told: Account | None = None
        self._again_ns = 0
        self.updates = 0

    async def look(self) -> None:
        account = await self._broker.account(self._settings.broker_account)
        now_ns = self._clock.monotonic_ns()
        if account == self._told and now_ns < self._again_ns:
            return
        update = account_update(account, portfolio_id=self._settings.portfolio_id, now_ns=self._clock.now_ns())
        await self._bus.publish(self._updates, encode(update))
        self._told, self._again_ns = account, now_ns + int(self._settings.tell_again_s * 1e9)
        self.updates += 1

    def figures(self) -> Figures:
        return {"updates": self.updates}
