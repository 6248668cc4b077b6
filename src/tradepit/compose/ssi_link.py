"""From settings to the way to SSI: secrets are read whenever they are needed, and kept nowhere."""

from collections.abc import Mapping

from tradepit.backends.broker.ssi.dialect import SsiDialect
from tradepit.backends.broker.ssi.http import SsiLogin
from tradepit.backends.broker.ssi.link import SsiLink, SsiTiming
from tradepit.backends.broker.ssi.rest import SsiRest
from tradepit.backends.broker.ssi.v2.data import SsiV2Data
from tradepit.backends.broker.ssi.v2.dialect import SsiV2
from tradepit.backends.broker.ssi.v2.prices import SsiV2Prices
from tradepit.backends.broker.ssi.v2.rest import SsiV2Rest
from tradepit.backends.broker.ssi.v3 import SsiV3
from tradepit.ports.clock import Clock
from tradepit.ports.journal import Journal
from tradepit.runtime.secret_source import read_secret
from tradepit.runtime.ssi_settings import SsiSettings
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import ConfigError

# Where SSI is, by the generation of its API: requests, and the stream.
_ADDRESSES = {
    "v3": ("https://api.ssi.com.vn", "wss://stream.ssi.com.vn/ws/v3"),
    "v2": ("https://fc-tradeapi.ssi.com.vn", "https://fc-tradehub.ssi.com.vn/v2.0/signalr"),
}


def make_ssi_link(ssi: SsiSettings, secrets: Mapping[str, str], journal: Journal, clock: Clock) -> SsiLink:
    """One process's way to SSI. Raises ConfigError for settings that miss something."""
    if missing := missing_of(ssi):
        raise ConfigError(f"ssi needs {', '.join(missing)}")
    timing = SsiTiming(
        settle_s=ssi.settle_s, poll_s=ssi.poll_s, back_off_s=0.5, back_off_max_s=ssi.retry_max_s, timeout_s=ssi.timeout_s
    )
    accounts = {row.account: row.number for row in ssi.accounts}
    dialect = _v3(ssi, secrets, clock) if ssi.api == "v3" else _v2(ssi, secrets, clock)
    return SsiLink(dialect, journal, clock, load_catalog(), accounts=accounts, symbols=ssi.symbols, timing=timing)


def missing_of(ssi: SsiSettings) -> list[str]:
    """The settings without which SSI cannot be the broker."""
    needed: dict[str, object] = {"accounts": ssi.accounts, "symbols": ssi.symbols}
    needed |= {"client_id": ssi.client_id} if ssi.api == "v3" else {"device_id": ssi.device_id}
    return [name for name, value in needed.items() if not value]


def ssi_secrets(ssi: SsiSettings) -> dict[str, tuple[str, str]]:
    """Every secret that has to be there: its name, and the variable or the file that holds it."""
    found = {
        "api_key": (ssi.api_key_env, ssi.api_key_file),
        "api_secret": (ssi.api_secret_env, ssi.api_secret_file),
        "private_key": (ssi.private_key_env, ssi.private_key_file),
    }
    if ssi.api == "v2" or ssi.otp_env or ssi.otp_file:
        found["otp"] = (ssi.otp_env, ssi.otp_file)
    if ssi.api == "v2":
        found["data_key"] = (ssi.data_key_env, ssi.data_key_file)
        found["data_secret"] = (ssi.data_secret_env, ssi.data_secret_file)
    return found


def _v3(ssi: SsiSettings, secrets: Mapping[str, str], clock: Clock) -> SsiDialect:
    url, stream_url = _addresses(ssi)

    def login() -> SsiLogin:
        return _login(ssi, secrets)

    rest = SsiRest(url, login, clock, requests_per_s=ssi.requests_per_s, timeout_s=ssi.timeout_s)
    return SsiV3(rest, stream_url)


def _v2(ssi: SsiSettings, secrets: Mapping[str, str], clock: Clock) -> SsiDialect:
    url, stream_url = _addresses(ssi)

    def login() -> SsiLogin:
        return _login(ssi, secrets)

    def data_login() -> SsiLogin:
        key, secret = (read_secret(*ssi_secrets(ssi)[name], secrets) for name in ("data_key", "data_secret"))
        return SsiLogin(client_id="", api_key=key, api_secret=secret, private_key="")

    one_time = ssi.two_factor == "otp"
    rest = SsiV2Rest(url, login, clock, one_time=one_time, requests_per_s=ssi.requests_per_s, timeout_s=ssi.timeout_s)
    prices = SsiV2Prices(SsiV2Data(ssi.data_url, data_login, clock, timeout_s=ssi.timeout_s))
    return SsiV2(rest, prices, stream_url, device_id=ssi.device_id.upper())


def _addresses(ssi: SsiSettings) -> tuple[str, str]:
    url, stream_url = _ADDRESSES[ssi.api]
    return ssi.url or url, ssi.stream_url or stream_url


def _login(ssi: SsiSettings, secrets: Mapping[str, str]) -> SsiLogin:
    found = {name: read_secret(*places, secrets) for name, places in ssi_secrets(ssi).items() if not name.startswith("data_")}
    return SsiLogin(client_id=ssi.client_id, **found)
