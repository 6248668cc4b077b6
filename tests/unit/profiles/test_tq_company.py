"""The broker connect's roles of one process: what starts and stops when, and whose login they have."""

from itertools import permutations

import pytest

from tradepit.compose.roles import instances_of
from tradepit.config import Settings
from tradepit.profiles import tq, tq_flat
from tradepit.profiles.role import Role
from tradepit.profiles.tq_company import in_starting_order, login_of


@pytest.mark.parametrize("roles", [tq.ROLES, tq_flat.ROLES])
def test_stopping_takes_the_documents_steps(roles: tuple[Role, ...]) -> None:
    stopping = [name.removesuffix("-1") for name in reversed(in_starting_order([f"{role.name}-1" for role in roles]))]
    takers = stopping[: len(roles) - 6]
    assert set(takers) == {role.name for role in roles} - {role.name for role in (*tq.MONITORS, *tq.HANDLERS)}
    assert set(stopping[len(takers) : -3]) == {role.name for role in tq.MONITORS}
    assert set(stopping[-3:]) == {role.name for role in tq.HANDLERS}


def test_roles_start_in_that_order_however_they_are_named() -> None:
    names = ("tq_order_handler", "tq_order_submitter", "tq_order_monitor")
    for told in permutations(names):
        found = instances_of(Settings(profile="tq", broker="tqsdk"), told)
        assert found == ["tq_order_handler-1", "tq_order_monitor-1", "tq_order_submitter-1"]


def test_the_login_follows_who_sends_orders() -> None:
    assert login_of(["tq_order_submitter-1"]) == "tq_order_submitter"
    for told in permutations(("tq_order_monitor-1", "tq_order_submitter-1", "tq_order_canceller-1")):
        assert login_of(told) == "tq_order_submitter"
    assert login_of(["tq_account_handler-1", "tq_position_monitor-1", "tq_order_canceller-1"]) == "tq_order_canceller"
    assert login_of([f"{role.name}-1" for role in tq_flat.ROLES]) == "tq_order_executor"
    assert login_of(["order-management-1"]) == login_of([]) == ""
