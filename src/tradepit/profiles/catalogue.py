"""All profiles by name."""

from tradepit.profiles import pit, simulator
from tradepit.profiles.role import Role
from tradepit.trading.model.errors import ConfigError

PROFILES: dict[str, tuple[Role, ...]] = {"pit": pit.ROLES, "simulator": simulator.ROLES}


def roles_of(profile: str) -> tuple[Role, ...]:
    """The roles of a profile. Raises ConfigError."""
    try:
        return PROFILES[profile]
    except KeyError as error:
        raise ConfigError("no such profile", profile=profile, known=", ".join(PROFILES)) from error
