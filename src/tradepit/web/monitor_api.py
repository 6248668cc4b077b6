"""MonitorApi: the service that hears every heartbeat and event, and answers over HTTP how the house fares."""

from collections.abc import Awaitable, Callable

import msgspec

from tradepit.ports.bus import Bus, Channel, Delivery, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.runtime.service import Health
from tradepit.web.http_door import HttpDoor
from tradepit.web.monitor_app import make_app
from tradepit.web.monitored_house import MonitoredHouse
from tradepit.wire.registry import STALE_AFTER_S
from tradepit.wire.simulator import CHANNELS, HEARTBEAT, MONITOR_API

# Counting is watching: the monitor follows every kept channel beside its workers, and takes no work from them.
_COUNTED = tuple(msgspec.structs.replace(channel, delivery=Delivery.BROADCAST) for channel in CHANNELS if channel.durable)


class MonitorApi:
    """Read-only. ``port`` 0 takes any free port; the real one is in the figures (``port``, ``url``) and in the log."""

    def __init__(
        self, bus: Bus, clock: Clock, *, host: str = "127.0.0.1", port: int = 8800, instance: str = "monitor-api-1"
    ) -> None:
        self._bus, self._clock, self._instance = bus, clock, instance
        self._house = MonitoredHouse(clock, instance)
        self._door = HttpDoor(instance, make_app(self._house), host, port)
        self._subscriptions: list[Subscription] = []
        self._started = False

    @property
    def name(self) -> str:
        return MONITOR_API

    @property
    def instance(self) -> str:
        return self._instance

    @property
    def url(self) -> str:
        """Where it answers, empty before it was started."""
        return self._door.url

    async def start(self) -> None:
        """Open the door, then listen. Raises Unavailable when the port is taken."""
        if self._started:
            return
        await self._door.start()
        self._started = True
        self._subscriptions.append(await self._bus.subscribe(HEARTBEAT, self._on_heartbeat))
        for channel in _COUNTED:
            self._subscriptions.append(await self._bus.subscribe(channel, self._counter(channel)))

    async def stop(self) -> None:
        """Close the door within two seconds, then stop listening."""
        self._started = False
        await self._door.stop()
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            await subscription.stop()

    def health(self) -> Health:
        """Healthy while the door is open and heartbeats come; at least its own should."""
        table, events = self._house.table, self._house.events
        figures: dict[str, str | int | float | bool] = {
            **self._door.figures,
            "heartbeats": table.heartbeats,
            "bad_heartbeats": table.bad,
            "events": events.total,
        }
        if not self._started:
            return Health(status="STANDBY", ready=False, reason="not started", figures=figures)
        if not self._door.serving:
            return Health(status="UNHEALTHY", ready=False, reason="the HTTP server has ended", figures=figures)
        if table.heartbeats and self._house.silent_s > STALE_AFTER_S:
            reason = f"no heartbeat heard for {self._house.silent_s:.0f} s"
            return Health(status="UNHEALTHY", ready=True, reason=reason, figures=figures)
        return Health(figures=figures)

    async def _on_heartbeat(self, message: Message) -> None:
        self._house.table.hear(message.subject, message.payload, self._clock.monotonic_ns())

    def _counter(self, channel: Channel) -> Callable[[Message], Awaitable[None]]:
        events, clock = self._house.events, self._clock

        async def count(message: Message) -> None:
            events.count(channel.name, message, now_ns=clock.now_ns(), mono_ns=clock.monotonic_ns())

        return count
