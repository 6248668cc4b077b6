"""RiskMonitor: watches every account's exposure, margin and result, and raises alerts; it never stops an order itself."""

from decimal import Decimal

import msgspec
from loguru import logger

from tradepit.ports.bus import Bus
from tradepit.ports.clock import Clock
from tradepit.runtime.position_doors import PositionDoors
from tradepit.runtime.position_follower import PositionFollower
from tradepit.runtime.price_marker import PriceMarker
from tradepit.runtime.risk_alerts import AlertBook, AlertLimits, Breach, RiskAlert
from tradepit.runtime.service import Health
from tradepit.runtime.tasks import TaskGroup
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import Unavailable
from tradepit.wire.simulator import RISK_MONITOR
from tradepit.wire.simulator_codec import encode, to_iso

_ALERT_RETRIES = 3


class RiskMonitorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``limits`` hold for every account that ``by_account`` does not name. Everything is judged every ``check_s`` seconds."""

    limits: AlertLimits = AlertLimits()
    by_account: dict[str, AlertLimits] = {}
    check_s: float = 0.2
    refresh_s: float = 2.0


class RiskMonitor:
    """BROADCAST: every instance keeps everything, complete after any join or restart, and raises the same alerts under the same
    ids.

    Money is judged only for accounts whose deposits are known; ``service.risk-monitor.<instance>.state`` is one instance's view.
    """

    def __init__(self, bus: Bus, clock: Clock, catalog: Catalog, settings: RiskMonitorSettings, instance: str) -> None:
        self._bus, self._clock, self._settings, self._instance = bus, clock, settings, instance
        owner = f"{self.name}:{instance}"
        self._tasks = TaskGroup(owner, self._failed)
        self._follower = PositionFollower(bus, clock, catalog, owner, refresh_s=settings.refresh_s)
        self._marker = PriceMarker(bus, clock, self._follower)
        self._doors = PositionDoors(bus, self._follower, self.name, instance)
        self._alerts = AlertBook(settings.limits, settings.by_account)
        self._raised = self._untold = 0
        self._exposure = self._margin = self._result = Decimal(0)
        self._worst_ratio = Decimal(0)
        self._problem = ""

    @property
    def name(self) -> str:
        return RISK_MONITOR

    @property
    def instance(self) -> str:
        return self._instance

    async def start(self) -> None:
        await self._marker.start()
        await self._follower.start()
        await self._doors.open(to_clients=False)
        self._tasks.spawn(self._watch_forever(), "watch")

    async def stop(self) -> None:
        await self._tasks.stop()
        await self._doors.close()
        await self._follower.stop()
        await self._marker.stop()

    def health(self) -> Health:
        follower = self._follower
        figures: dict[str, str | int | float | bool] = {
            **follower.figures(),
            **self._marker.figures(),
            "alerts_raised": self._raised,
            "alerts_untold": self._untold,
            "alerts_standing": self._alerts.standing,
            "alerts_critical": self._alerts.critical,
            "exposure": float(self._exposure),
            "margin": float(self._margin),
            "day_result": float(self._result),
            "worst_margin_ratio": round(float(self._worst_ratio), 4),
        }
        reason = follower.problem or self._problem
        if reason:
            return Health(status="UNHEALTHY", ready=False, reason=reason, figures=figures)
        return Health(ready=follower.ready, reason="" if follower.ready else "positions are being rebuilt", figures=figures)

    def _failed(self, error: BaseException) -> None:
        self._problem = f"no longer watches: {error}"[:200]

    async def _watch_forever(self) -> None:
        while True:
            if self._follower.ready:
                for breach in self.check():
                    await self._tell(breach)
            await self._clock.sleep(self._settings.check_s)

    def check(self) -> list[Breach]:
        """Judge every account now; what changed."""
        book = self._follower.book
        nets: dict[str, dict[str, int]] = {}
        exposure = Decimal(0)
        for held in book.positions():
            by_symbol = nets.setdefault(held.account, {})
            by_symbol.setdefault(held.symbol, book.net_lots(held.account, held.symbol))
            exposure += held.open_cost
        accounts = [book.account(name) for name in book.accounts()]
        self._exposure = exposure
        self._margin = sum((account.margin for account in accounts), Decimal(0))
        self._result = sum((_day_result(account) for account in accounts), Decimal(0))
        self._worst_ratio = max((account.risk_ratio for account in accounts), default=Decimal(0))
        return [
            breach
            for account in accounts
            if self._follower.money_known(account.account)
            for breach in self._alerts.judge(account, nets.get(account.account, {}), book.trading_day)
        ]

    async def _tell(self, breach: Breach) -> None:
        day = self._follower.book.trading_day
        alert = RiskAlert(
            alert_id=f"{day}-{breach.account}-{breach.rule}-{breach.scope}-{breach.severity}-{breach.number}",
            account=breach.account,
            rule=breach.rule,
            scope=breach.scope,
            severity=breach.severity,
            limit=breach.limit,
            value=breach.value,
            trading_day=day,
            datetime=to_iso(self._clock.now_ns()),
            instance=self._instance,
        )
        logger.warning(
            "{} {} {} of {}: {} of {}", alert.severity, alert.rule, alert.scope, alert.account, alert.value, alert.limit
        )
        for _ in range(_ALERT_RETRIES):
            try:
                await self._bus.publish(f"risk.alerts.{breach.account}", encode(alert), message_id=alert.alert_id)
            except Unavailable:
                await self._clock.sleep(self._settings.check_s)
            else:
                self._raised += 1
                return
        self._untold += 1


def _day_result(account: Account) -> Decimal:
    return account.close_profit + account.position_profit - account.fee
