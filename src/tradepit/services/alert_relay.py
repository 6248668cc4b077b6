"""AlertRelay: what the risk monitors raise, told on the bot platform's topic of the account, each alert once."""

import asyncio
from collections import deque
from decimal import Decimal

import msgspec
from loguru import logger

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.runtime.risk_alerts import RiskAlert, Severity
from tradepit.runtime.service import Health
from tradepit.runtime.tasks import TaskGroup
from tradepit.trading.model.errors import BadRequest, TradepitError
from tradepit.trading.model.ids import check_id
from tradepit.wire import platform as wire
from tradepit.wire.platform_codec import encode
from tradepit.wire.simulator import RISK_ALERTS

_MOST = 10_000
_AGAIN_S, _MAX_AGAIN_S = 0.05, 1.0
_TYPES = {"loss": wire.AlertType.LOSS_CAP, "margin_ratio": wire.AlertType.LEVERAGE}
_SEVERITIES = {
    Severity.CLEARED: wire.Severity.INFO,
    Severity.WARNING: wire.Severity.WARNING,
    Severity.CRITICAL: wire.Severity.CRITICAL,
}
_HEADERS = {wire.CONTENT_TYPE: wire.Encoding.JSON.value}


class AlertRelay:
    """Listens on the house's bus, tells on the platform's. While that is away up to 10,000 alerts wait, the oldest gives way.

    Replicas of the monitor raise one alert under one id: it is told once, and again only after this service was started again.
    """

    def __init__(self, house: Bus, topics: Bus, clock: Clock, instance: str) -> None:
        self._house, self._topics, self._clock, self._instance = house, topics, clock, instance
        self._waiting: deque[wire.RiskAlert] = deque(maxlen=_MOST)
        self._known: deque[str] = deque(maxlen=_MOST)
        self._more = asyncio.Event()
        self._tasks = TaskGroup(f"{self.name}:{instance}", self._failed)
        self._subscription: Subscription | None = None
        self._told = self._repeated = self._refused = 0
        self._problem = ""

    @property
    def name(self) -> str:
        return wire.ALERT_RELAY

    @property
    def instance(self) -> str:
        return self._instance

    async def start(self) -> None:
        self._subscription = await self._house.subscribe(RISK_ALERTS, self._hear)
        self._tasks.spawn(self._tell_forever(), "tell")

    async def stop(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.stop()
        await self._tasks.stop()

    def health(self) -> Health:
        figures: dict[str, str | int | float | bool] = {
            "told": self._told,
            "waiting": len(self._waiting),
            "repeated": self._repeated,
            "refused": self._refused,
        }
        return Health(
            status="UNHEALTHY" if self._problem else "ACTIVE", ready=not self._problem, reason=self._problem, figures=figures
        )

    async def _hear(self, message: Message) -> None:
        try:
            alert = platform_alert(msgspec.json.decode(message.payload, type=RiskAlert, strict=False), self._clock.now_ns())
        except (msgspec.MsgspecError, UnicodeDecodeError, BadRequest) as error:
            self._refused += 1
            logger.warning("an alert on {} cannot be told: {}", message.subject, error)
            return
        if alert.alert_id in self._known:
            self._repeated += 1
            return
        self._known.append(alert.alert_id)
        self._waiting.append(alert)
        self._more.set()

    async def _tell_forever(self) -> None:
        wait_s = _AGAIN_S
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                alert = self._waiting[0]
                headers = _HEADERS | {wire.KEY_HEADER: alert.account_id}
                body = encode(msgspec.structs.replace(alert, published_at_ns=self._clock.now_ns()))
                try:
                    await self._topics.publish(
                        wire.alert_topic(alert.account_id), body, message_id=f"alert-{alert.alert_id}", headers=headers
                    )
                except TradepitError as error:
                    self._problem = f"alerts wait: {error}"[:200]
                    await self._clock.sleep(wait_s)
                    wait_s = min(wait_s * 2, _MAX_AGAIN_S)
                    continue
                if self._waiting and self._waiting[0] is alert:  # unless it gave way meanwhile
                    self._waiting.popleft()
                self._told += 1
                self._problem, wait_s = "", _AGAIN_S

    def _failed(self, error: BaseException) -> None:
        self._problem = f"alerts are not told any more: {error}"[:200]


def platform_alert(raised: RiskAlert, now_ns: int) -> wire.RiskAlert:
    """The platform's words for an alert of a risk monitor. Raises IdNotValid."""
    limit, value = _shown(raised.limit), _shown(raised.value)
    return wire.RiskAlert(
        alert_id=raised.alert_id,
        account_id=check_id(raised.account, "account_id"),
        type=_TYPES.get(raised.rule, wire.AlertType.LIMIT_BREACH),
        severity=_SEVERITIES[raised.severity],
        message=f"{raised.rule} of {raised.scope}: {value} of {limit}",
        context={"rule": raised.rule, "scope": raised.scope, "limit": limit, "value": value, "state": raised.severity.value},
        observed_at_ns=now_ns,
    )


def _shown(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
