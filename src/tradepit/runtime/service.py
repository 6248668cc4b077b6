"""What a service is to the process that runs it: something that starts, tells how it fares, and stops."""

from typing import Protocol

import msgspec


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a service fares. ``status``: ACTIVE, STANDBY or UNHEALTHY; ``ready`` when it can do its work now.

    ``figures`` go into the heartbeat's metadata and the metrics; progress counters belong here, not only states.
    """

    status: str = "ACTIVE"
    ready: bool = True
    reason: str = ""
    figures: dict[str, str | int | float | bool] = {}


class Service(Protocol):
    """One role instance. ``start`` is also recovery; ``stop`` finishes what is in hand and is idempotent."""

    @property
    def name(self) -> str:
        """The service's name in subjects and the registry, such as ``order-management``."""

    @property
    def instance(self) -> str:
        """This instance's id, unique among the service's instances."""

    async def start(self) -> None:
        """Recover state, subscribe, begin to work."""

    async def stop(self) -> None:
        """Take nothing new, finish what is in hand, leave."""

    def health(self) -> Health:
        """Cheap, never blocks."""
