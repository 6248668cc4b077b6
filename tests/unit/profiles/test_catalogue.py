"""The profiles by name."""

import pytest

from tradepit.profiles import pit, simulator
from tradepit.profiles.catalogue import PROFILES, roles_of
from tradepit.trading.model.errors import ConfigError


def test_profiles_are_found_by_name() -> None:
    assert roles_of("pit") is pit.ROLES
    assert roles_of("simulator") is simulator.ROLES
    assert set(PROFILES) == {"pit", "simulator"}


def test_an_unknown_profile_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="pit, simulator"):
        roles_of("moon")
