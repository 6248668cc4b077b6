"""DataApi: the service that answers over HTTP what the market is and was: snapshots, windows of ticks, bars."""

from loguru import logger

from tradepit.ports.clock import Clock
from tradepit.runtime.service import Health
from tradepit.runtime.tasks import TaskGroup
from tradepit.trading.model.errors import TradepitError
from tradepit.web.data_app import Metered, make_app
from tradepit.web.data_meters import DataMeters
from tradepit.web.data_page import DataPage
from tradepit.web.data_source import DataSource
from tradepit.web.data_standing import DataStanding
from tradepit.web.http_door import HttpDoor
from tradepit.wire.data_api import DATA_API

_LOOK_S = 1.0
_LIST_EVERY = 5


class DataApi:
    """Read-only. ``port`` 0 takes any free port; the real one is in the figures (``port``, ``url``) and in the log.

    It opens its door whether the cache answers or not; what it cannot answer now it refuses with 503.
    """

    def __init__(
        self, source: DataSource, meters: DataMeters, clock: Clock, *, host: str, port: int, instance: str = "data-api-1"
    ) -> None:
        self._source, self._meters, self._clock = source, meters, clock
        self._instance = instance
        self._standing = DataStanding()
        app = make_app(source, DataPage(meters, clock), self._standing)
        self._door = HttpDoor(instance, Metered(app, meters), host, port)
        self._tasks = TaskGroup(f"{DATA_API}:{instance}", self._failed)
        self._started = False

    @property
    def name(self) -> str:
        return DATA_API

    @property
    def instance(self) -> str:
        return self._instance

    @property
    def url(self) -> str:
        """Where it answers, empty before it was started."""
        return self._door.url

    async def start(self) -> None:
        """Open the door. Raises Unavailable when the port is taken."""
        if self._started:
            return
        await self._door.start()
        self._started = True
        self._tasks.spawn(self._look_forever(), "look")

    async def stop(self) -> None:
        """Close the door within two seconds. Idempotent."""
        self._started = False
        await self._door.stop()
        await self._tasks.stop()
        await self._source.close()

    def health(self) -> Health:
        """Healthy while the door is open and the cache answers."""
        meters, problem = self._meters, self._standing.problem
        ages = [(self._clock.now_ns() - received_ns) / 1e9 for received_ns in meters.newest_ns.values()]
        figures: dict[str, str | int | float | bool] = {
            **self._door.figures,
            "requests": meters.requests.total(),
            "refused": sum(count for (_, status), count in meters.requests.items() if status >= 400),
            "cache_hit_ratio": round(meters.hit_ratio, 4),
            "contracts": len(ages),
            "newest_tick_age_s": round(max(0.0, min(ages, default=0.0)), 3),
        }
        if not self._started:
            return Health(status="STANDBY", ready=False, reason="not started", figures=figures)
        if not self._door.serving:
            return Health(status="UNHEALTHY", ready=False, reason="the HTTP server has ended", figures=figures)
        return Health(status="UNHEALTHY" if problem else "ACTIVE", ready=not problem, reason=problem, figures=figures)

    async def _look_forever(self) -> None:
        looks = 0
        while True:
            self._note(await self._look(list_too=looks % _LIST_EVERY == 0))
            looks += 1
            await self._clock.sleep(_LOOK_S)

    async def _look(self, *, list_too: bool) -> str:
        try:
            await self._source.look()
        except TradepitError as error:
            return str(error)[:200]
        if list_too:
            try:
                await self._source.listing.refresh()
            except TradepitError as error:
                # A market may be told by others than the house's exchange.
                logger.debug("{}: the exchange does not tell its contracts: {}", self._instance, error)
        return ""

    def _note(self, problem: str) -> None:
        if problem != self._standing.problem:
            logger.log("WARNING" if problem else "INFO", "{}: {}", self._instance, problem or "the cache answers")
        self._standing.problem = problem

    def _failed(self, error: BaseException) -> None:
        self._standing.problem = f"it looks at the cache no more: {error!r}"[:200]
