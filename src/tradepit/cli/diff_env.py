"""``tradepit diff-env``: the environment that sends an unmodified TqSDK to this house."""

import os
import shlex
import sys
from collections.abc import Mapping

from tradepit.cli.exits import Exit
from tradepit.cli.output import print_json
from tradepit.config import Settings
from tradepit.trading.model.errors import ConfigError

# What TqSDK reads besides addresses: each silently replaces the account, its password or the mode that a program names.
_REPLACE = (
    *("TQ_ACTION", "TQ_AUTH", "TQ_BROKER_ID", "TQ_ACCOUNT_ID", "TQ_PASSWORD", "TQ_HTTP_SERVER_ADDRESS"),
    *("TQ_INIT_BALANCE", "TQ_START_DT", "TQ_END_DT"),
)


def show_diff_env(settings: Settings, *, json: bool, own: Mapping[str, str] = os.environ) -> int:
    """``export`` lines for a shell, or one JSON object. Raises ConfigError when the port is chosen anew at every start.

    ``own`` is the caller's environment: what it keeps away from its proxy stays so, and what would replace an account is unset.
    """
    from tradepit.web.diff.addresses import addresses  # noqa: PLC0415 - the command loads only what it needs

    if not settings.diff.port:
        raise ConfigError("diff.port is 0, so the port is another at each start: set it", setting="diff.port")
    found = addresses(settings.diff.host, settings.diff.port)
    for name in ("NO_PROXY", "no_proxy"):
        found[name] = ",".join(dict.fromkeys(filter(None, (found[name], *own.get(name, "").split(",")))))
    if json:
        print_json(found)
    else:
        for name, value in found.items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        for name in _REPLACE:
            if name in own:
                sys.stdout.write(f"unset {name}\n")
    return int(Exit.OK)
