"""The profiles by name."""

import pytest

from tradepit.profiles import pit, platform, simulator, tq, tq_flat
from tradepit.profiles.catalogue import PROFILES, roles_of
from tradepit.trading.model.errors import ConfigError


def test_profiles_are_found_by_name() -> None:
    assert roles_of("pit") is pit.ROLES
    assert roles_of("simulator") is simulator.ROLES
    assert roles_of("tq") is tq.ROLES
    assert roles_of("tq_flat") is tq_flat.ROLES
    assert roles_of("platform") is platform.ROLES
    assert set(PROFILES) == {"pit", "simulator", "platform", "powerscreen", "tq", "tq_flat"}


def test_an_unknown_profile_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="pit, simulator, platform, powerscreen, tq, tq_flat"):
        roles_of("moon")
