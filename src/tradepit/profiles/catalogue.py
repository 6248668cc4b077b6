"""All profiles by name."""

from tradepit.profiles import at_broker, pit, platform, powerscreen, simulator, tq, tq_flat
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
SIMULATED = "simulated"


def roles_of(profile: str, broker: str = SIMULATED) -> tuple[Role, ...]:
    """The roles of a profile whose orders go to ``broker``. Raises ConfigError."""
    try:
        roles = PROFILES[profile]
    except KeyError as error:
        raise ConfigError("no such profile", profile=profile, known=", ".join(PROFILES)) from error
    return roles if broker == SIMULATED else at_broker.roles_at_broker(roles)
