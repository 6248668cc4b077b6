"""Looks at an account's positions: their breakdown goes to the cache, what has changed to the queue of position updates."""

from tradepit.ports.broker import Broker
from tradepit.ports.bus import Bus
from tradepit.ports.cache import Cache
from tradepit.ports.clock import Clock
from tradepit.services.queue_worker import Figures
from tradepit.services.tq_settings import TqServiceSettings
from tradepit.wire.tq import Breakdown, breakdown_key
from tradepit.wire.tq_codec import breakdowns, cached_breakdown, encode, position_update

_CHECK_NS = 1_000_000_000
_FLAT = Breakdown(**dict.fromkeys(Breakdown.__struct_fields__, 0))


class PositionLook:
    """A contract that was held once is told as zeros when it is flat: a missing key means that nothing is known, never zero.

    What a former instance told is found in the cache, so that a position closed meanwhile does not stay there. A cache that has
    lost its keys is told all of them again.
    """

    def __init__(
        self, *, broker: Broker, bus: Bus, updates: str, cache: Cache, clock: Clock, settings: TqServiceSettings
    ) -> None:
        self._broker, self._bus, self._updates = broker, bus, updates
        self._cache, self._clock, self._settings = cache, clock, settings
        self._told: dict[str, Breakdown | None] = {}
        self._remembers = False
        self._again_ns: dict[str, int] = {}
        self._check_ns = 0
        self.updates = 0

    async def look(self) -> None:
        if not self._remembers:
            prefix = breakdown_key(self._settings.portfolio_id, "")
            self._told = {key.removeprefix(prefix): None for key in await self._cache.items(prefix)}
            self._remembers = True
        await self._notice_loss()
        held = breakdowns(await self._broker.positions(self._settings.broker_account))
        for symbol in sorted(held.keys() | self._told.keys()):
            await self._tell(symbol, held.get(symbol, _FLAT))

    def figures(self) -> Figures:
        return {"symbols": len(self._told), "updates": self.updates}

    async def _notice_loss(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if not self._told or now_ns < self._check_ns:
            return
        self._check_ns = now_ns + _CHECK_NS
        if await self._cache.get(breakdown_key(self._settings.portfolio_id, next(iter(self._told)))) is None:
            self._told = dict.fromkeys(self._told)

    async def _tell(self, symbol: str, held: Breakdown) -> None:
        settings, now_ns = self._settings, self._clock.monotonic_ns()
        if self._told.get(symbol) == held and now_ns < self._again_ns[symbol]:
            return
        key = breakdown_key(settings.portfolio_id, symbol)
        await self._cache.put(key, encode(cached_breakdown(held)), ttl_s=settings.key_ttl_s)
        update = position_update(symbol, held, portfolio_id=settings.portfolio_id, now_ns=self._clock.now_ns())
        await self._bus.publish(self._updates, encode(update))
        # Only now: what could not be told is told at the next look.
        self._told[symbol], self._again_ns[symbol] = held, now_ns + int(settings.tell_again_s * 1e9)
        self.updates += 1
