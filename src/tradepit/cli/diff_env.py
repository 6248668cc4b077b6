"""``tradepit diff-env``: the environment that sends an unmodified TqSDK to this house."""

import shlex
import sys

from tradepit.cli.exits import Exit
from tradepit.cli.output import print_json
from tradepit.config import Settings
from tradepit.trading.model.errors import ConfigError


def show_diff_env(settings: Settings, *, json: bool) -> int:
    """``export`` lines for a shell, or one JSON object. Raises ConfigError when the port is chosen anew at every start."""
    from tradepit.web.diff.addresses import addresses  # noqa: PLC0415 - the command loads only what it needs

    if not settings.diff.port:
        raise ConfigError("diff.port is 0, so the port is another at each start: set it", setting="diff.port")
    found = addresses(settings.diff.host, settings.diff.port)
    if json:
        print_json(found)
    else:
        for name, value in found.items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    return int(Exit.OK)
