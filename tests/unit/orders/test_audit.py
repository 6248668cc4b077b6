"""The audit trail: each change with what was before, found by its key, numbered for good, bounded."""

from tests.order_path import Office

from tradepit.trading.model.terms import TradingState
from tradepit.trading.orders import audit
from tradepit.trading.orders.audit import AuditTrail
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.orders.events import LimitsSet, StateSet


def state(scope: str, to: TradingState, key: str = "", time_ns: int = 1) -> StateSet:
    return StateSet(time_ns=time_ns, scope=scope, state=to, who="me", reason="why", key=key)


def test_each_change_says_what_was_before() -> None:
    desk = OrderDesk(Office().rules)
    desk.apply(state("global", TradingState.HALTED, "k1"))
    desk.apply(state("global", TradingState.REDUCING))
    desk.apply(LimitsSet(time_ns=3, scope="account:A1", limits='{"margin":{}}', who="you", reason="x", key="k2"))
    desk.apply(LimitsSet(time_ns=4, scope="account:A1", limits="{}", who="you", reason="y"))
    rows = desk.audit.rows
    assert [(row.number, row.action, row.scope, row.before, row.after) for row in rows] == [
        (1, "set_state", "global", "ACTIVE", "HALTED"),
        (2, "set_state", "global", "HALTED", "REDUCING"),
        (3, "set_limits", "account:A1", "{}", '{"margin":{}}'),
        (4, "set_limits", "account:A1", '{"margin":{}}', "{}"),
    ]
    assert desk.audit.find("k2") == rows[2]
    assert desk.audit.find("") is desk.audit.find("k9") is None
    assert [row.number for row in desk.audit.after(1, "account:A1")] == [3, 4]
    assert [row.number for row in desk.audit.after(3)] == [4]
    assert desk.limits.revision_of("account:A1") == 2
    assert desk.limits.revision_of("bot:b") == 0


def test_only_the_newest_are_kept_and_numbers_go_on() -> None:
    trail = AuditTrail()
    for number in range(audit.KEPT + 5):
        trail.add(state("global", TradingState.HALTED, f"k{number}"), "ACTIVE")
    assert len(trail.rows) == audit.KEPT
    assert (trail.rows[0].number, trail.rows[-1].number, trail.total) == (6, audit.KEPT + 5, audit.KEPT + 5)
    assert trail.find("k0") is None
