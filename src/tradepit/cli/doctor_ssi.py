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
        from tradepit.backends.broker.ssi.signing import SsiSigner  # noqa: PLC0415 - an extra
        from tradepit.compose.ssi_link import missing_of, ssi_secrets  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        return fail(f"{error.name} is missing", "pip install 'tradepit[ssi]'")
    if missing := missing_of(ssi):
        return fail(f"missing for {ssi.api}: {', '.join(missing)}", f"set {', '.join(f'ssi.{name}' for name in missing)}")
    secrets = Wiring(settings, process="doctor").secrets
    for name, (variable, file) in ssi_secrets(ssi).items():
        try:
            found = read_secret(variable, file, secrets)
            if name == "private_key":
                SsiSigner(found)
        except ConfigError as error:
            return fail(f"{name}: {str(error)[:180]}", "name where the secret is, see docs/how-to/trade-through-ssi.md")
    seen = f"{ssi.api}, secrets and key are readable, {len(ssi.accounts)} accounts, {', '.join(ssi.symbols)[:100]}"
    others = [number for number in (row.number for row in ssi.accounts) if not number.endswith("8")]
    if others:
        return warn(f"{seen}; {len(others)} accounts do not end in 8", "SSI's derivatives accounts end in 8: check the numbers")
    return ok(seen)
