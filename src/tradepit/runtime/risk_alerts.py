"""Limits on what an account may hold, lose and tie up, and the alerts raised when it comes near or goes beyond them."""

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum

import msgspec

from tradepit.trading.model.account import Account


class Severity(StrEnum):
    """WARNING from the warning share of a limit on, CRITICAL from the limit on, CLEARED when it has fallen well below."""

    CLEARED = "CLEARED"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class AlertLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of one account; 0 means no limit. ``position_lots`` is the net of one contract; ``loss`` is of the trading day, in
    the account's currency; ``margin_ratio`` is margin over equity. ``warn_at`` is the share of a limit from which a warning is
    due; an alert is cleared below nine tenths of that, so that it does not flutter.
    """

    position_lots: int = 0
    loss: Decimal = Decimal(0)
    margin_ratio: Decimal = Decimal("0.9")
    warn_at: Decimal = Decimal("0.8")


class RiskAlert(msgspec.Struct, frozen=True, kw_only=True):
    """As published on ``risk.alerts.<account>``. Replicas give one event the same ``alert_id``: receivers keep one."""

    alert_id: str
    account: str
    rule: str
    scope: str
    severity: Severity
    limit: Decimal
    value: Decimal
    trading_day: int
    datetime: str
    instance: str


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's severity changed: what to tell."""

    account: str
    rule: str
    scope: str
    severity: Severity
    limit: Decimal
    value: Decimal
    number: int


class AlertBook:
    """Which alerts stand. ``judge`` yields changes only, so nothing is told twice."""

    def __init__(self, limits: AlertLimits, by_account: dict[str, AlertLimits] | None = None) -> None:
        self._limits, self._by_account = limits, by_account or {}
        self._standing: dict[tuple[str, str, str], Severity] = {}
        self._numbers: dict[tuple[str, str, str], int] = {}
        self._day = 0

    @property
    def standing(self) -> int:
        """How many alerts stand now."""
        return len(self._standing)

    @property
    def critical(self) -> int:
        """How many of them are CRITICAL."""
        return sum(severity is Severity.CRITICAL for severity in self._standing.values())

    def judge(self, account: Account, nets: dict[str, int], trading_day: int) -> Iterator[Breach]:
        """What changed for an account that now holds ``nets`` (lots by symbol, signed)."""
        if trading_day != self._day:
            self._day = trading_day
            self._numbers.clear()
        limits = self._by_account.get(account.account, self._limits)
        result = account.close_profit + account.position_profit - account.fee
        values = [("loss", "account", limits.loss, -result), ("margin_ratio", "account", limits.margin_ratio, account.risk_ratio)]
        # What was sold off is judged as well: an alert that stands for it must be cleared.
        gone = {scope: 0 for name, rule, scope in self._standing if (name, rule) == (account.account, "position")}
        nets = gone | nets
        values += [("position", symbol, Decimal(limits.position_lots), Decimal(abs(net))) for symbol, net in nets.items()]
        for rule, scope, limit, value in values:
            if limit > 0:
                yield from self._change((account.account, rule, scope), limit, value, limits.warn_at)

    def _change(self, key: tuple[str, str, str], limit: Decimal, value: Decimal, warn_at: Decimal) -> Iterator[Breach]:
        standing = self._standing.get(key, Severity.CLEARED)
        severity = _severity(standing, limit, value, warn_at)
        if severity is standing:
            return
        if severity is Severity.CLEARED:
            del self._standing[key]
        else:
            self._standing[key] = severity
        number = self._numbers[key] = self._numbers.get(key, 0) + 1
        account, rule, scope = key
        yield Breach(account=account, rule=rule, scope=scope, severity=severity, limit=limit, value=value, number=number)


def _severity(standing: Severity, limit: Decimal, value: Decimal, warn_at: Decimal) -> Severity:
    if value >= limit:
        return Severity.CRITICAL
    if value >= limit * warn_at:
        # Coming down from CRITICAL is news only once it is clearly below the limit.
        near = standing is Severity.CRITICAL and value >= limit * (1 + warn_at) / 2
        return Severity.CRITICAL if near else Severity.WARNING
    if standing is not Severity.CLEARED and value >= limit * warn_at * Decimal("0.9"):
        return Severity.WARNING
    return Severity.CLEARED
