"""A house at a real broker: nothing that only an exchange of its own needs, and one process with the broker's login."""

import pytest

from tradepit.profiles.catalogue import PROFILES, roles_of


@pytest.mark.parametrize("profile", ["pit", "simulator"])
@pytest.mark.parametrize("broker", ["tqsdk", "ssi"])
def test_one_process_has_the_login(profile: str, broker: str) -> None:
    roles = {role.name: role for role in roles_of(profile, broker)}
    trading = {name for name, role in roles.items() if role.process_of(1) == "trading"}
    assert trading == {"trading-gateway", "order-management"}
    assert [roles[name].replicas for name in sorted(trading)] == [1, 1]
    assert not roles.keys() & {"market-data", "trading-agents", "diff-front"}
    assert "send_order" not in roles["trading-gateway"].serves


@pytest.mark.parametrize("profile", ["tq", "tq_flat", "powerscreen"])
def test_a_house_without_an_exchange_stays_as_it_is(profile: str) -> None:
    assert roles_of(profile, "tqsdk") == PROFILES[profile]


def test_everybody_is_told_what_the_exchange_would_tell() -> None:
    own, real = ({role.name: role for role in roles_of("pit", broker)} for broker in ("simulated", "tqsdk"))
    told, told_before = ({channel for role in house.values() for channel in role.publishes} for house in (real, own))
    heard = {channel for role in real.values() for channel in role.consumes}
    assert heard & told_before <= told
    assert set(own["trading-gateway"].publishes) <= set(real["trading-gateway"].publishes)
