"""PositionTracker: the complete positions and money of every account, answered by any of its instances."""

from tradepit.ports.bus import Bus
from tradepit.ports.clock import Clock
from tradepit.runtime.position_doors import PositionDoors
from tradepit.runtime.position_follower import PositionFollower
from tradepit.runtime.price_marker import PriceMarker
from tradepit.runtime.service import Health
from tradepit.trading.calendar.catalog import Catalog
from tradepit.wire.simulator import POSITION_TRACKER


class PositionTracker:
    """BROADCAST: every instance keeps everything, complete after any join or restart.

    Clients ask ``rpc.position-tracker.positions|account|digest``; ``service.position-tracker.<instance>.state`` is one
    instance's view. Amounts are Decimal, marked to the last tick; nothing is frozen here, because working orders are not in the
    stream of trades.
    """

    def __init__(self, bus: Bus, clock: Clock, catalog: Catalog, instance: str, *, refresh_s: float = 2.0) -> None:
        self._instance = instance
        self._follower = PositionFollower(bus, clock, catalog, f"{self.name}:{instance}", refresh_s=refresh_s)
        self._marker = PriceMarker(bus, clock, self._follower)
        self._doors = PositionDoors(bus, self._follower, self.name, instance)

    @property
    def name(self) -> str:
        return POSITION_TRACKER

    @property
    def instance(self) -> str:
        return self._instance

    async def start(self) -> None:
        await self._marker.start()
        await self._follower.start()
        await self._doors.open(to_clients=True)

    async def stop(self) -> None:
        await self._doors.close()
        await self._follower.stop()
        await self._marker.stop()

    def health(self) -> Health:
        follower = self._follower
        figures = follower.figures() | self._marker.figures()
        if follower.problem:
            return Health(status="UNHEALTHY", ready=False, reason=follower.problem, figures=figures)
        return Health(ready=follower.ready, reason="" if follower.ready else "positions are being rebuilt", figures=figures)
