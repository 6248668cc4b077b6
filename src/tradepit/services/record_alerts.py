"""The risk monitors' alerts into the records: each once, however many monitors tell it."""

from collections.abc import Callable

from loguru import logger

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.ports.trading_records import TradingRecords
from tradepit.runtime.risk_alerts import RiskAlert
from tradepit.services.queue_worker import Figures
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.records.record_fold import RecordFold
from tradepit.trading.records.rows import RiskEventRow
from tradepit.wire.simulator import RISK_ALERTS
from tradepit.wire.simulator_codec import decode, from_iso

_MOST = 10_000


class RecordAlerts:
    """A sideline. Alerts are best effort, as on the bus; ten thousand of them wait for a database that is away, the oldest go first."""

    name = "alerts"

    def __init__(self, records: TradingRecords, bus: Bus, clock: Clock, *, flush_s: float) -> None:
        self._records, self._bus, self._clock, self._flush_s = records, bus, clock, flush_s
        self._waiting: dict[str, RiskEventRow] = {}
        self._subscription: Subscription | None = None
        self._kept = self._refused = self._dropped = 0

    async def start(self, fold: Callable[[], RecordFold]) -> None:
        del fold
        self._subscription = await self._bus.subscribe(RISK_ALERTS, self._on_alert)

    async def stop(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.stop()
            await self._flush()

    def figures(self) -> Figures:
        return {"alerts": self._kept, "alerts_waiting": len(self._waiting), "alerts_refused": self._refused + self._dropped}

    async def run(self) -> None:
        while True:
            await self._clock.sleep(self._flush_s)
            await self._flush()

    async def _flush(self) -> None:
        told = dict(self._waiting)
        if not told:
            return
        try:
            self._kept += await self._records.keep_events(list(told.values()))
        except TradepitError as error:
            logger.debug("alerts wait: {}", error)
            return
        for name in told:
            self._waiting.pop(name, None)

    async def _on_alert(self, message: Message) -> None:
        try:
            alert = decode(message.payload, RiskAlert)
            row = _row_of(alert)
        except TradepitError as error:
            self._refused += 1
            logger.warning("an alert on {} cannot be read: {}", message.subject, error)
            return
        if len(self._waiting) >= _MOST:
            self._waiting.pop(next(iter(self._waiting)))
            self._dropped += 1
        self._waiting.setdefault(row.id, row)


def _row_of(alert: RiskAlert) -> RiskEventRow:
    return RiskEventRow(
        entry=0,
        id=alert.alert_id,
        kind="alert",
        at=from_iso(alert.datetime),
        severity=alert.severity.value,
        account=alert.account,
        symbol=alert.scope if alert.rule == "position" else "",
        scope=f"account:{alert.account}",
        rule=alert.rule,
        limit_value=str(alert.limit),
        value=str(alert.value),
    )
