"""Who does what, over which channels, for people and for programs."""

import json

import pytest

from tradepit.cli.roles import contracts, roles
from tradepit.profiles.catalogue import roles_of
from tradepit.trading.model.errors import ConfigError
from tradepit.wire.simulator import CHANNELS

Printed = pytest.CaptureFixture[str]


@pytest.mark.parametrize("profile", ["pit", "simulator"])
def test_roles_as_json(capsys: Printed, profile: str) -> None:
    assert roles(profile, json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["role"] for row in told] == [role.name for role in roles_of(profile)]
    orders = next(row for row in told if row["role"] == "order-management")
    assert (orders["replicas"], orders["processes"]) == (3, ["orders-1", "orders-2", "orders-3"])


def test_with_a_real_broker_there_is_no_exchange(capsys: Printed) -> None:
    assert roles(broker="tqsdk", json=True) == 0
    told = {row["role"]: row["processes"] for row in json.loads(capsys.readouterr().out)}
    assert told["order-management"] == told["trading-gateway"] == ["trading"]
    assert contracts(broker="ssi", json=True) == 0
    methods = [row["method"] for row in json.loads(capsys.readouterr().out)["rpc"] if row["service"] == "trading-gateway"]
    assert "reports" in methods
    assert "send_order" not in methods


def test_contracts_as_json(capsys: Printed) -> None:
    assert contracts(json=True) == 0
    told = json.loads(capsys.readouterr().out)
    # The bot platform's as well, as far as a role has to do with them.
    assert len(told["channels"]) == len(CHANNELS) + 4
    algo = next(row for row in told["channels"] if row["subject"] == "orders.algo.*")
    assert (algo["delivery"], algo["durable"], algo["published_by"], algo["consumed_by"]) == (
        "COMPETE", True, ["order-management"], ["execution-algo"],
    )  # fmt: skip
    assert {"service": "order-management", "method": "buy", "subject": "rpc.order-management.buy"} in told["rpc"]


def test_a_profile_of_another_contract_has_its_own_channels(capsys: Printed) -> None:
    assert contracts("powerscreen", json=True) == 0
    told = json.loads(capsys.readouterr().out)
    subjects = {row["subject"]: row["consumed_by"] for row in told["channels"]}
    assert subjects["ssi_ps"] == ["powerscreen-consumer"]
    assert "market.tick.*" not in subjects


def test_tables_for_people(capsys: Printed) -> None:
    assert roles() == contracts() == 0
    printed = capsys.readouterr().out
    assert "Roles of profile pit" in printed
    assert "orders.algo.*" in printed
    assert "rpc.trading-gateway.send_order" in printed


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ConfigError):
        roles("moon")
