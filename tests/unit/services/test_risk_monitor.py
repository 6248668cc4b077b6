"""The monitor watches positions, money and margin, and tells what changes once."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from tradepit.backends.bus.memory import MemoryBus
from tradepit.ports.bus import Message
from tradepit.runtime.clock import ManualClock
from tradepit.runtime.risk_alerts import AlertLimits, RiskAlert
from tradepit.services.risk_monitor import RiskMonitor, RiskMonitorSettings
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.terms import Offset, Side
from tradepit.wire.simulator import RISK_ALERTS

if TYPE_CHECKING:
    from tests.unit.conftest import StubExchange

Turns = Callable[[], Awaitable[None]]
LIMITS = AlertLimits(position_lots=5, loss=Decimal(20_000), margin_ratio=Decimal(0))


async def hear(bus: MemoryBus) -> list[RiskAlert]:
    alerts: list[RiskAlert] = []

    async def keep(message: Message) -> None:
        alerts.append(msgspec.json.decode(message.payload, type=RiskAlert, strict=False))

    await bus.subscribe(RISK_ALERTS, keep)
    return alerts


async def test_alerts_of_positions_and_losses(bus: MemoryBus, exchange: "StubExchange", turns: Turns) -> None:
    alerts = await hear(bus)
    monitor = RiskMonitor(bus, ManualClock(1), load_catalog(), RiskMonitorSettings(limits=LIMITS), "rm-1")
    await monitor.start()
    await exchange.trade(Side.BUY, 5)
    await turns()
    assert [(alert.rule, alert.severity, alert.account, alert.scope) for alert in alerts] == [
        ("position", "CRITICAL", "A1", "IF2501")
    ]
    await bus.publish("market.tick.IF2501", b'{"symbol":"IF2501","last_price":3880.0}')
    await turns()
    assert [(alert.rule, alert.severity) for alert in alerts[1:]] == [("loss", "CRITICAL")]
    assert alerts[1].value == 20 * 300 * 5 + 1
    await exchange.trade(Side.SELL, 5, offset=Offset.CLOSE, price_ticks=19_500)
    await turns()
    assert {(alert.rule, alert.severity) for alert in alerts[2:]} == {("position", "CLEARED"), ("loss", "CLEARED")}
    figures = monitor.health().figures
    assert (figures["alerts_raised"], figures["alerts_standing"], figures["trades"]) == (4, 0, 2)
    await monitor.stop()


async def test_replicas_raise_the_same_alerts(bus: MemoryBus, exchange: "StubExchange", turns: Turns) -> None:
    alerts = await hear(bus)
    monitors = [RiskMonitor(bus, ManualClock(1), load_catalog(), RiskMonitorSettings(limits=LIMITS), f"rm-{n}") for n in (1, 2)]
    await monitors[0].start()
    await exchange.trade(Side.SELL, 4)
    await monitors[1].start()
    await turns()
    assert {alert.alert_id for alert in alerts} == {"20250106-A1-position-IF2501-WARNING-1"}
    assert {alert.instance for alert in alerts} == {"rm-1", "rm-2"}
    first, second = (monitor.health().figures for monitor in monitors)
    assert first["positions_digest"] == second["positions_digest"]
    assert float(first["margin"]) == float(second["margin"]) > 0
    for monitor in monitors:
        await monitor.stop()


async def test_no_money_is_judged_before_deposits_are_known(bus: MemoryBus, exchange: "StubExchange", turns: Turns) -> None:
    alerts = await hear(bus)
    exchange.down = True
    monitor = RiskMonitor(bus, ManualClock(1), load_catalog(), RiskMonitorSettings(limits=LIMITS), "rm-1")
    await monitor.start()
    await exchange.trade(Side.BUY, 50)
    await turns()
    assert alerts == []
    assert not monitor.health().ready
    await monitor.stop()
