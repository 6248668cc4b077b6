"""From settings to the way to SSI: secrets are read whenever they are needed, and kept nowhere."""

from collections.abc import Mapping

from tradepit.backends.broker.ssi_http import SsiLogin
from tradepit.backends.broker.ssi_link import SsiLink, SsiTiming
from tradepit.backends.broker.ssi_rest import SsiRest
from tradepit.backends.broker.ssi_v3 import SsiV3
from tradepit.config import SsiSettings
from tradepit.ports.clock import Clock
from tradepit.ports.journal import Journal
from tradepit.runtime.secret_source import read_secret
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import ConfigError


def make_ssi_link(ssi: SsiSettings, secrets: Mapping[str, str], journal: Journal, clock: Clock) -> SsiLink:
    """One process's way to SSI. Raises ConfigError for settings that miss something."""
    accounts = {row.account: row.number for row in ssi.accounts}
    if not accounts or not ssi.symbols or not ssi.client_id:
        raise ConfigError("ssi needs a client_id, accounts and symbols")
    rest = make_ssi_rest(ssi, secrets, clock)
    timing = SsiTiming(
        settle_s=ssi.settle_s, poll_s=ssi.poll_s, back_off_s=0.5, back_off_max_s=ssi.retry_max_s, timeout_s=ssi.timeout_s
    )
    return SsiLink(
        SsiV3(rest, ssi.stream_url), journal, clock, load_catalog(), accounts=accounts, symbols=ssi.symbols, timing=timing
    )


def make_ssi_rest(ssi: SsiSettings, secrets: Mapping[str, str], clock: Clock) -> SsiRest:
    """SSI's HTTP side alone."""

    def login() -> SsiLogin:
        otp = read_secret(ssi.otp_env, ssi.otp_file, secrets) if ssi.otp_env or ssi.otp_file else ""
        return SsiLogin(
            client_id=ssi.client_id,
            api_key=read_secret(ssi.api_key_env, ssi.api_key_file, secrets),
            api_secret=read_secret(ssi.api_secret_env, ssi.api_secret_file, secrets),
            private_key=read_secret(ssi.private_key_env, ssi.private_key_file, secrets),
            otp=otp,
        )

    return SsiRest(ssi.url, login, clock, requests_per_s=ssi.requests_per_s, timeout_s=ssi.timeout_s)
