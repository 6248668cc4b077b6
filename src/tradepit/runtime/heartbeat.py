"""Heartbeats: each instance tells, every second, that it lives, how it fares and what it counted."""

import msgspec
from loguru import logger

from tradepit import __version__
from tradepit.ports.bus import Bus
from tradepit.ports.cache import Cache
from tradepit.ports.clock import Clock
from tradepit.runtime.service import Service
from tradepit.trading.model.errors import TradepitError
from tradepit.wire.registry import HEARTBEAT_INTERVAL_S, REGISTRY_TTL_S, ServiceInstance, heartbeat_topic, registry_key
from tradepit.wire.simulator_codec import encode, to_iso

_REGISTER_EVERY = 5


def describe(service: Service, clock: Clock) -> ServiceInstance:
    """The service instance as the registry and the monitor see it now."""
    health = service.health()
    standing = str(health.figures.get("standing", ""))
    metadata: dict[str, str | int | float | bool] = {"ready": health.ready, "reason": health.reason}
    metadata |= health.figures
    return ServiceInstance(
        service_name=service.name,
        instance_id=service.instance,
        version=__version__,
        status=health.status,
        last_heartbeat=to_iso(clock.now_ns()),
        sticky_active_group="default" if standing else "",
        sticky_active_status=standing,
        metadata=metadata,
    )


class Heartbeat:
    """Publishes ``internal.heartbeat.<service>`` and keeps the instance's key in the registry alive."""

    def __init__(self, service: Service, bus: Bus, cache: Cache, clock: Clock) -> None:
        self._service, self._bus, self._cache, self._clock = service, bus, cache, clock

    async def run(self) -> None:
        """Beat until cancelled; a bus that is away costs beats, never the service."""
        beats = 0
        while True:
            try:
                await self._beat(register=beats % _REGISTER_EVERY == 0)
            except TradepitError as error:
                logger.debug("heartbeat of {} not told: {}", self._service.instance, error)
            except Exception as error:  # noqa: BLE001 - a service whose health cannot be told still works
                logger.opt(exception=error).error("heartbeat of {} not told", self._service.instance)
            beats += 1
            await self._clock.sleep(HEARTBEAT_INTERVAL_S)

    async def sign_off(self) -> None:
        """Say that this instance stopped on purpose, and leave the registry."""
        try:
            # The registry first: a beat that cannot be told must not leave a dead instance listed.
            await self._cache.delete(registry_key(self._service.name, self._service.instance))
            stopped = msgspec.structs.replace(describe(self._service, self._clock), status="STOPPED")
            await self._bus.publish(heartbeat_topic(self._service.name), encode(stopped))
        except TradepitError as error:
            logger.debug("{} not signed off: {}", self._service.instance, error)

    async def _beat(self, *, register: bool) -> None:
        payload = encode(describe(self._service, self._clock))
        await self._bus.publish(heartbeat_topic(self._service.name), payload)
        if register:
            await self._cache.put(registry_key(self._service.name, self._service.instance), payload, ttl_s=REGISTRY_TTL_S)
