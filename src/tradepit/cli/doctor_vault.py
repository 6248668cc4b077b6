"""The doctor's check of the secrets' server: whether it can be logged in to, and for how long."""

from tradepit.cli.finding import Finding, fail, ok, warn
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.trading.model.errors import ConfigError, TradepitError

_SHORT_S = 60.0


def check_vault(settings: Settings) -> Finding:
    """Whether Vault lets us in. Nothing is read there."""
    if not settings.vault.url:
        return ok("none is set")
    try:
        vault = Wiring(settings, process="doctor").vault()
        try:
            lives_s = vault.log_in()
        finally:
            vault.close()
    except TradepitError as error:
        place = error.details.get("variable") or error.details.get("file") or error.details.get("missing") or ""
        mend = "correct the section vault" if isinstance(error, ConfigError) else "start it, or correct vault.url"
        return fail(f"{error.message} {place}".strip(), f"{mend}, see docs/how-to/keep-secrets-in-vault.md")
    seen = f"logged in at {settings.vault.url} by {settings.vault.auth}"
    if not lives_s:
        return warn(f"{seen}, with a token that never ends", "give the house a role of its own (auth: approle or kubernetes)")
    if lives_s < _SHORT_S:
        return warn(f"{seen}, for {lives_s:.0f} s", "let its tokens live a few minutes: an outage as long costs a new login")
    return ok(f"{seen}, for {lives_s:.0f} s")
