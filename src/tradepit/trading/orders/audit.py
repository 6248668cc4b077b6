"""The audit trail of risk: who put which scope into which state or under which limits, when and why, as facts have told it."""

from collections.abc import Iterator

import msgspec

from tradepit.trading.orders.events import LimitsSet, StateSet

KEPT = 10_000


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One change. ``before`` and ``after`` are states, or limits as JSON text; ``key`` is the request's own, empty without one."""

    number: int
    time_ns: int
    action: str
    scope: str
    before: str
    after: str
    who: str
    reason: str
    key: str


class AuditTrail(msgspec.Struct):
    """The last 10,000 changes, oldest first; ``total`` is the number of the newest."""

    rows: list[AuditRow] = []
    total: int = 0

    def add(self, fact: StateSet | LimitsSet, before: str) -> None:
        """Keep what a fact changed."""
        self.total += 1
        is_state = isinstance(fact, StateSet)
        self.rows.append(
            AuditRow(
                number=self.total,
                time_ns=fact.time_ns,
                action="set_state" if is_state else "set_limits",
                scope=fact.scope,
                before=before,
                after=fact.state.value if isinstance(fact, StateSet) else fact.limits,
                who=fact.who,
                reason=fact.reason,
                key=fact.key,
            )
        )
        if len(self.rows) > KEPT:
            del self.rows[: len(self.rows) - KEPT]

    def find(self, key: str) -> AuditRow | None:
        """The change a request's key stands for."""
        return next((row for row in reversed(self.rows) if row.key == key), None) if key else None

    def after(self, number: int, scope: str = "") -> Iterator[AuditRow]:
        """Changes after ``number``, oldest first, of one scope or of all."""
        for row in self.rows:
            if row.number > number and scope in ("", row.scope):
                yield row
