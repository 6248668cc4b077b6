"""Which house a command talks to."""

from pathlib import Path

from tradepit.config import Settings, load

RUNNING = Path(".tradepit/running.yaml")


def settings_of(config: Path | None) -> Settings:
    """The named settings file, else those of the house that runs in this folder, else the defaults."""
    return settings_and_secrets(config)[0]


def settings_and_secrets(config: Path | None) -> tuple[Settings, dict[str, str]]:
    """The settings, and what only a broker connect's ``config.yaml`` holds: passwords, by the names the settings give them."""
    from tradepit.config_tq import is_tq, load_tq  # noqa: PLC0415 - each command loads only what it needs

    if config is not None and is_tq(config):
        connect = load_tq(config)
        return connect.settings(), connect.secrets()
    return load(RUNNING if config is None and RUNNING.exists() else config), {}
