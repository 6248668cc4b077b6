"""The doctor's check of SSI as the broker: the library, the secrets, the key. It does not log in: a login would end the house's own."""

from tradepit.cli.finding import Finding, fail, ok, warn
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.runtime.secret_source import read_secret
from tradepit.trading.model.errors import ConfigError


def check_ssi(settings: Settings) -> Finding:
    """Whether orders could be sent through SSI, where that is the broker."""
    ssi = settings.ssi
    if settings.broker != "ssi":
        return ok("not the broker")
    try:
        from tradepit.backends.broker.ssi_signing import SsiSigner  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        return fail(f"{error.name} is missing", "pip install 'tradepit[ssi]'")
    if not ssi.client_id or not ssi.accounts or not ssi.symbols:
        return fail("a client_id, accounts or symbols are missing", "set ssi.client_id, ssi.accounts and ssi.symbols")
    secrets = Wiring(settings, process="doctor").secrets
    try:
        for variable, file in ((ssi.api_key_env, ssi.api_key_file), (ssi.api_secret_env, ssi.api_secret_file)):
            read_secret(variable, file, secrets)
        SsiSigner(read_secret(ssi.private_key_env, ssi.private_key_file, secrets))
    except ConfigError as error:
        return fail(str(error)[:200], "name where the secret is, see docs/how-to/trade-through-ssi.md")
    seen = f"secrets and key are readable, {len(ssi.accounts)} accounts, {', '.join(ssi.symbols)[:100]}"
    others = [number for number in (row.number for row in ssi.accounts) if not number.endswith("8")]
    if others:
        return warn(f"{seen}; {len(others)} accounts do not end in 8", "SSI's derivatives accounts end in 8: check the numbers")
    return ok(seen)
