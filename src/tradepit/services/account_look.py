"""Looks at an account's money: what has changed goes to the queue of account updates."""

from tradepit.ports.broker import Broker
from tradepit.ports.bus import Bus
from tradepit.ports.cache import Cache
from tradepit.ports.clock import Clock
from tradepit.services.queue_worker import Figures
from tradepit.services.tq_settings import TqServiceSettings
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import Unavailable
from tradepit.wire.tq import account_key
from tradepit.wire.tq_codec import account_update, encode

_CHECK_NS = 2_000_000_000


class AccountLook:
    """Tells the account when it has changed, and again from time to time, so that its key does not run out, or when it is lost."""

    def __init__(
        self, *, broker: Broker, bus: Bus, updates: str, cache: Cache, clock: Clock, settings: TqServiceSettings
    ) -> None:
        self._broker, self._bus, self._updates = broker, bus, updates
        self._cache, self._clock, self._settings = cache, clock, settings
        self._told: Account | None = None
        self._again_ns = self._check_ns = 0
        self.updates = 0

    async def look(self) -> None:
        account = await self._broker.account(self._settings.broker_account)
        now_ns = self._clock.monotonic_ns()
        if account == self._told and now_ns < self._again_ns and not await self._is_lost(now_ns):
            return
        update = account_update(account, portfolio_id=self._settings.portfolio_id, now_ns=self._clock.now_ns())
        await self._bus.publish(self._updates, encode(update))
        self._told, self._again_ns = account, now_ns + int(self._settings.tell_again_s * 1e9)
        self._check_ns = now_ns + _CHECK_NS
        self.updates += 1

    async def _is_lost(self, now_ns: int) -> bool:
        """Whether the key is gone that another service was to keep; one who takes his time is not told every second."""
        if now_ns < self._check_ns:
            return False
        self._check_ns = now_ns + _CHECK_NS
        try:
            return await self._cache.get(account_key(self._settings.portfolio_id)) is None
        except Unavailable:
            # The queue takes updates all the same.
            return False

    def figures(self) -> Figures:
        return {"updates": self.updates}
