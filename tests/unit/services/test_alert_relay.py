"""Alerts of the risk monitors on the platform's topics: each once, in its words, none lost while that bus is away."""

import json
from collections.abc import Mapping
from decimal import Decimal

import pytest
from tests.waiting import until

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Message
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.risk_alerts import RiskAlert, Severity
from tradepit.services import alert_relay
from tradepit.services.alert_relay import AlertRelay, platform_alert
from tradepit.trading.model.errors import IdNotValid, Unavailable
from tradepit.wire import platform as wire
from tradepit.wire.platform_codec import read_alert
from tradepit.wire.simulator_codec import encode

RAISED = RiskAlert(
    alert_id="20250106-A1-loss-account-CRITICAL-1",
    account="A1",
    rule="loss",
    scope="account",
    severity=Severity.CRITICAL,
    limit=Decimal(20_000),
    value=Decimal("30000.50"),
    trading_day=20250106,
    datetime="2025-01-06T10:00:00Z",
    instance="risk-monitor-1",
)


class MovingBus(MemoryBus):
    """Is away for a while."""

    away = 0

    async def publish(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable
        await super().publish(subject, payload, message_id=message_id, headers=headers)


class World:
    def __init__(self) -> None:
        self.house, self.topics = MemoryBus(MemoryHub()), MovingBus(MemoryHub(), channels=wire.CHANNELS)
        self.relay = AlertRelay(self.house, self.topics, SystemClock(), "alert-relay-1")
        self.heard: list[Message] = []

    async def start(self) -> "World":
        await self.house.connect()
        await self.topics.connect()

        async def keep(message: Message) -> None:
            self.heard.append(message)

        await self.topics.subscribe(wire.RISK_ALERTS, keep)
        await self.relay.start()
        return self

    async def raise_alert(self, **changes: object) -> None:
        told = json.loads(encode(RAISED)) | changes
        await self.house.publish("risk.alerts.A1", json.dumps(told, default=str).encode())

    async def until(self, count: int) -> None:
        await until(lambda: len(self.heard) >= count)


def test_an_alert_in_the_platforms_words() -> None:
    told = platform_alert(RAISED, 7)
    assert (told.type, told.severity, told.observed_at_ns) == (wire.AlertType.LOSS_CAP, wire.Severity.CRITICAL, 7)
    assert told.message == "loss of account: 30000.5 of 20000"
    assert told.context["state"] == "CRITICAL"
    others = {"margin_ratio": wire.AlertType.LEVERAGE, "position": wire.AlertType.LIMIT_BREACH}
    for rule, kind in others.items():
        cleared = RiskAlert(
            **{name: getattr(RAISED, name) for name in RAISED.__struct_fields__} | {"rule": rule, "severity": Severity.CLEARED}
        )
        assert (platform_alert(cleared, 0).type, platform_alert(cleared, 0).severity) == (kind, wire.Severity.INFO)
    with pytest.raises(IdNotValid):
        platform_alert(RiskAlert(**{name: getattr(RAISED, name) for name in RAISED.__struct_fields__} | {"account": "A.1"}), 0)


async def test_what_every_replica_raises_is_told_once_and_nonsense_never() -> None:
    world = await World().start()
    await world.raise_alert()
    await world.raise_alert(instance="risk-monitor-2")
    await world.raise_alert(account="A.1", alert_id="bad")
    await world.house.publish("risk.alerts.A1", b"nonsense")
    await world.raise_alert(alert_id="second", severity="CLEARED")
    await world.until(2)
    assert [message.subject for message in world.heard] == ["risk.alerts.account.A1"] * 2
    assert [message.headers["x-key"] for message in world.heard] == ["A1", "A1"]
    assert [read_alert(each.payload, topic=each.subject, headers=each.headers).alert_id for each in world.heard] == [
        RAISED.alert_id,
        "second",
    ]
    figures = world.relay.health().figures
    assert (figures["told"], figures["repeated"], figures["refused"]) == (2, 1, 2)
    await world.relay.stop()
    await world.relay.stop()


async def test_alerts_wait_for_a_bus_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_relay, "_AGAIN_S", 0.001)
    world = await World().start()
    world.topics.away = 3
    for number in range(4):
        await world.raise_alert(alert_id=f"a{number}")
    await world.until(4)
    told = [json.loads(message.payload)["alert_id"] for message in world.heard]
    assert told == ["a0", "a1", "a2", "a3"]
    assert world.relay.health().ready
    await world.relay.stop()
