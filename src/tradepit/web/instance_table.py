"""The instance table: a fold of heartbeats into who lives, who fell silent and who leads."""

from collections import deque
from collections.abc import Sequence

import msgspec

from tradepit.trading.model.errors import BadRequest, TradepitError
from tradepit.trading.model.ids import check_id
from tradepit.web.instance_view import InstanceView
from tradepit.wire.registry import STALE_AFTER_S, ServiceInstance, heartbeat_topic
from tradepit.wire.simulator_codec import decode, from_iso

STATUSES = ("ACTIVE", "STANDBY", "UNHEALTHY", "STOPPED")
FORGET_AFTER_S = 3600.0
MAX_INSTANCES = 1_000
_BAD_KEPT = 20
_LARGEST = 2**63


class BadHeartbeat(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A heartbeat that was refused: on which topic, and why."""

    topic: str
    error: str
    message: str


class InstanceTable:
    """``now_ns`` is monotonic everywhere: an instance's age counts from when it was heard, whatever its own clock says.

    An instance that fell silent stays in the table as stale for ``forget_after_s`` seconds, so that its loss can be seen.
    """

    def __init__(self, *, stale_after_s: float = STALE_AFTER_S, forget_after_s: float = FORGET_AFTER_S) -> None:
        self._stale_ns, self._forget_ns = int(stale_after_s * 1e9), int(forget_after_s * 1e9)
        self._heard: dict[tuple[str, str], tuple[ServiceInstance, int]] = {}
        self.heartbeats = 0
        self.bad = 0
        self.last_bad: deque[BadHeartbeat] = deque(maxlen=_BAD_KEPT)
        self.last_heard_ns = 0

    def hear(self, topic: str, payload: bytes, now_ns: int) -> None:
        """Take one heartbeat in. One that cannot be used is counted and kept with its reason; nothing is raised."""
        try:
            told = _read(topic, payload)
            key = (told.service_name, told.instance_id)
            if key not in self._heard:
                self._make_room(now_ns)
        except TradepitError as error:
            self.bad += 1
            self.last_bad.append(BadHeartbeat(topic=topic[:128], error=error.reason_code, message=error.message[:200]))
            return
        self.heartbeats += 1
        self.last_heard_ns = now_ns
        self._heard[key] = (told, now_ns)

    def instances(self, now_ns: int) -> list[InstanceView]:
        """Every known instance as it must be taken now, by service and instance."""
        self._forget(now_ns)
        epochs = self._epochs(now_ns)
        return [self._view(*self._heard[key], now_ns, epochs.get(key[0], 0)) for key in sorted(self._heard)]

    def _view(self, told: ServiceInstance, heard_ns: int, now_ns: int, newest_epoch: int) -> InstanceView:
        metadata, status, reason = told.metadata, told.status, str(told.metadata.get("reason", ""))
        age_s = (now_ns - heard_ns) / 1e9
        stale = self._is_stale(told, heard_ns, now_ns)
        sticky = told.sticky_active_status
        if stale:
            status, reason = "UNHEALTHY", f"no heartbeat for {age_s:.1f} s"
        elif sticky == "ACTIVE" and epoch_of(told) < newest_epoch:
            # Until a killed leader turns stale its last word is that it leads; the epoch tells that another one does.
            status, sticky, reason = "UNHEALTHY", "STANDBY", f"superseded by epoch {newest_epoch}"
        return InstanceView(
            service_name=told.service_name,
            instance_id=told.instance_id,
            version=told.version,
            status=status,
            last_heartbeat=told.last_heartbeat,
            sticky_active_group=told.sticky_active_group,
            sticky_active_status="" if stale else sticky,
            metadata=metadata,
            age_seconds=round(age_s, 3),
            stale=stale,
            ready=status in ("ACTIVE", "STANDBY") and metadata.get("ready", True) is True,
            reason=reason,
            epoch=epoch_of(told),
        )

    def _epochs(self, now_ns: int) -> dict[str, int]:
        """The newest epoch any live instance of a single-active service knows of."""
        epochs: dict[str, int] = {}
        for told, heard_ns in self._heard.values():
            if told.sticky_active_status and not self._is_stale(told, heard_ns, now_ns):
                epochs[told.service_name] = max(epochs.get(told.service_name, 0), epoch_of(told))
        return epochs

    def _is_stale(self, told: ServiceInstance, heard_ns: int, now_ns: int) -> bool:
        return told.status != "STOPPED" and now_ns - heard_ns > self._stale_ns

    def _forget(self, now_ns: int) -> None:
        for key in [key for key, (_, heard_ns) in self._heard.items() if now_ns - heard_ns > self._forget_ns]:
            del self._heard[key]

    def _make_room(self, now_ns: int) -> None:
        """Names come from outside: their number is bounded. Stale ones give way to the living."""
        if len(self._heard) < MAX_INSTANCES:
            return
        silent = [key for key, (told, heard_ns) in self._heard.items() if self._is_stale(told, heard_ns, now_ns)]
        if not silent:
            raise BadRequest("too many instances", limit=MAX_INSTANCES)
        del self._heard[min(silent, key=lambda key: self._heard[key][1])]


def epoch_of(told: ServiceInstance) -> int:
    """The epoch in an instance's figures, 0 where it has none."""
    epoch = told.metadata.get("epoch", 0)
    return epoch if isinstance(epoch, int) and not isinstance(epoch, bool) else 0


def leader_of(instances: Sequence[InstanceView]) -> InstanceView | None:
    """Who leads among the instances of one single-active service: the active one with the newest epoch."""
    active = [each for each in instances if each.sticky_active_status == "ACTIVE" and each.status == "ACTIVE"]
    return max(active, key=lambda each: each.epoch, default=None)


def _read(topic: str, payload: bytes) -> ServiceInstance:
    told = decode(payload, ServiceInstance)
    check_id(told.service_name, "serviceName")
    check_id(told.instance_id, "instanceId")
    if heartbeat_topic(told.service_name) != topic:
        raise BadRequest("the heartbeat names another service than its topic", service=told.service_name)
    if told.status not in STATUSES:
        raise BadRequest("no such status", status=told.status[:64])
    from_iso(told.last_heartbeat)
    if any(isinstance(figure, int) and not -_LARGEST <= figure < _LARGEST for figure in told.metadata.values()):
        raise BadRequest("a figure does not fit into 64 bits")
    return told
