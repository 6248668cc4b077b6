"""PowerScreenProducer: publishes recordings of frames, and whatever is posted at its door."""

from collections.abc import Callable, Sequence

from loguru import logger

from tradepit.ports.bus import Bus, Channel
from tradepit.ports.clock import Clock
from tradepit.runtime.line_file import files_of
from tradepit.runtime.service import Health
from tradepit.runtime.tasks import TaskGroup
from tradepit.services.dead_letters import DeadLetters
from tradepit.services.frame_ingest import FrameIngest
from tradepit.services.powerscreen_settings import PowerScreenSettings
from tradepit.trading.model.errors import ConfigError
from tradepit.web.host_guard import LOOPBACK
from tradepit.web.http_door import HttpDoor
from tradepit.web.producer_app import MessageDoor, make_app
from tradepit.wire.powerscreen import DEAD_LETTERS, PRODUCER


class PowerScreenProducer:
    """One door and one run through the recordings. ``on_failure`` is told when a recording cannot be read to its end."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        channels: Sequence[Channel],
        settings: PowerScreenSettings,
        instance: str,
        on_failure: Callable[[BaseException], None] | None = None,
    ) -> None:
        if settings.host.lower() not in LOOPBACK:
            raise ConfigError("whoever reaches the producer's door may publish: loopback only", host=settings.host)
        self._settings, self._instance = settings, instance
        self._messages = MessageDoor(bus, channels, settings.default_topic)
        self._door = HttpDoor(instance, make_app(self._messages), settings.host, settings.port)
        self._ingest = FrameIngest(bus, settings.topic, DeadLetters(bus, DEAD_LETTERS), clock)
        self._tasks = TaskGroup(f"{self.name}:{instance}", on_failure)

    @property
    def name(self) -> str:
        return PRODUCER

    @property
    def instance(self) -> str:
        return self._instance

    async def start(self) -> None:
        """Raises Unavailable when the port is taken, ConfigError for a recording that is not there."""
        files = files_of(self._settings.files, ".txt")
        await self._door.start()
        logger.info("{}: {} recordings", self._instance, len(files))
        self._tasks.spawn(self._ingest.run(files), "ingest")

    async def stop(self) -> None:
        await self._door.stop()
        await self._tasks.stop()

    def health(self) -> Health:
        figures: dict[str, str | int | float | bool] = {
            **self._door.figures,
            "queued": self._messages.queued,
            "requests_refused": self._messages.refused,
            **self._ingest.figures(),
        }
        serving = self._door.serving
        reason = self._ingest.waiting or ("" if serving else "the HTTP server does not run")
        return Health(status="UNHEALTHY" if reason else "ACTIVE", ready=serving, reason=reason, figures=figures)
