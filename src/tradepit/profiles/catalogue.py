"""All profiles by name."""

from tradepit.profiles import pit, platform, powerscreen, simulator, tq, tq_flat
from tradepit.profiles.role import Role
from tradepit.trading.model.errors import ConfigError

PROFILES: dict[str, tuple[Role, ...]] = {
    "pit": pit.ROLES,
    "simulator": simulator.ROLES,
    "platform": platform.ROLES,
    "powerscreen": powerscreen.ROLES,
    "tq": tq.ROLES,
    "tq_flat": tq_flat.ROLES,
}


def roles_of(profile: str) -> tuple[Role, ...]:
    """The roles of a profile. Raises ConfigError."""
    try:
        return PROFILES[profile]
    except KeyError as error:
        raise ConfigError("no such profile", profile=profile, known=", ".join(PROFILES)) from error
