"""Profile ``simulator``: the document's components, replicas, topics and modes."""

import pytest

from tradepit.profiles.role import Role
from tradepit.profiles.simulator import ROLES
from tradepit.trading.model.ids import check_id
from tradepit.wire import simulator as wire

BY_NAME = {role.name: role for role in ROLES}


def test_the_documents_components_with_its_replicas() -> None:
    replicas = {name: role.replicas for name, role in BY_NAME.items()}
    document = {
        "trading-gateway": 1, "order-management": 3, "market-data": 2, "risk-monitor": 2, "position-tracker": 1, "execution-algo": 3,
    }  # fmt: skip
    assert document.items() <= replicas.items()


def test_the_document_says_who_publishes_what() -> None:
    publishers = {channel.subject: [role.name for role in ROLES if channel in role.publishes] for channel in wire.CHANNELS}
    assert publishers["market.tick.*"] == ["market-data"]
    assert publishers["orders.new"] == publishers["orders.filled"] == publishers["trades.executed"] == ["trading-gateway"]
    assert publishers["orders.algo.*"] == ["order-management"]


def test_the_document_says_who_hears_what() -> None:
    assert wire.TRADES_EXECUTED in BY_NAME["risk-monitor"].consumes
    assert wire.TRADES_EXECUTED in BY_NAME["position-tracker"].consumes
    assert wire.ALGO_ORDERS in BY_NAME["execution-algo"].consumes
    assert wire.MARKET_TICK in BY_NAME["market-recorder"].consumes
    assert {"buy", "sell", "cancel", "algo_order"} <= set(BY_NAME["order-management"].serves)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_is_well_formed(role: Role) -> None:
    assert {check_id(instance, "instance") for instance in role.instances()} == set(role.instances())
    assert role.purpose
    assert set(role.consumes) | set(role.publishes) <= set(wire.CHANNELS)
    assert len(set(role.serves)) == len(role.serves)
    # As in a cluster: every instance has a process of its own.
    assert len({role.process_of(number) for number in range(1, role.replicas + 1)}) == role.replicas


def test_every_channel_but_the_registrys_has_a_publisher_and_every_kept_one_a_purpose() -> None:
    published = {channel for role in ROLES for channel in role.publishes}
    # Every instance beats; bots are commanded from outside.
    assert set(wire.CHANNELS) - published == {wire.HEARTBEAT, wire.BOT_COMMANDS}
