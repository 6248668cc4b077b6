"""The way to a Vault or OpenBao server: a login that is kept alive, reads that are ours in what they answer and what they raise."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import hvac
import msgspec
import requests
from hvac import exceptions
from loguru import logger

from tradepit.ports.clock import Clock
from tradepit.runtime.secret_references import SecretReference
from tradepit.runtime.secret_source import read_secret
from tradepit.runtime.vault_settings import VaultSettings
from tradepit.trading.model.errors import ConfigError, InternalError, TimedOut, TradepitError, Unavailable

T = TypeVar("T")
_RETRY_S = 1.0
_REFUSED = (exceptions.Forbidden, exceptions.Unauthorized)
_PASSING = (
    exceptions.VaultDown,
    exceptions.VaultNotInitialized,
    exceptions.BadGateway,
    exceptions.RateLimitExceeded,
    exceptions.InternalServerError,
)


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """A token's time: when it was got (monotonic ns), how many seconds it lives (0: for ever), whether it can be renewed."""

    since_ns: int
    lives_s: float
    renewable: bool

    @property
    def renew_ns(self) -> int:
        """When it is time to renew it: half of its life is over."""
        return self.since_ns + int(self.lives_s * 0.5e9)


class VaultLink:
    """Blocking, from any thread, one question at a time. Whoever must not wait calls it in a thread.

    What is resolved is remembered, and read again in the background: a secret that was there once is told while the server is away.
    Nothing that the server or its library says of a secret gets out: errors name the place.
    """

    def __init__(self, settings: VaultSettings, environment: Mapping[str, str], clock: Clock) -> None:
        self._settings, self._environment, self._clock = settings, environment, clock
        self._lock = threading.RLock()
        self._client: Any = None
        self._lease: Lease | None = None
        self._known: dict[SecretReference, str] = {}
        self._ended = threading.Event()
        self._keeper: threading.Thread | None = None
        self._problem = ""
        self.logins = self.renewals = 0

    def read(self, path: str) -> dict[str, Any]:
        """What is kept at a path, nothing where there is none. Read anew. Raises ConfigError, Unavailable, TimedOut."""
        with self._lock:
            try:
                return self._read(path)
            except _REFUSED:
                # The token may have run out while nobody kept it alive.
                self._log_in()
            try:
                return self._read(path)
            except _REFUSED:
                raise ConfigError("Vault does not let us read it", place=path, auth=self._settings.auth) from None

    def resolve(self, reference: SecretReference) -> str:
        """The text of a reference. Raises ConfigError, Unavailable, TimedOut."""
        known = self._known.get(reference)
        if known is None:
            known = self._known[reference] = self._fetch(reference)
        return known

    def log_in(self) -> float:
        """Log in anew; how many seconds the token lives, 0 for ever. Raises as ``read`` does."""
        with self._lock:
            self._log_in()
            return self._lease.lives_s if self._lease is not None else 0.0

    def close(self) -> None:
        """Keep nothing alive any more. Idempotent."""
        self._ended.set()
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.join(self._settings.timeout_s)
        with self._lock:
            self._client, self._lease = None, None
            self._known.clear()

    def _fetch(self, reference: SecretReference) -> str:
        found = self.read(reference.path)
        if not reference.field:
            if not found:
                raise ConfigError("there is no such secret in Vault", place=reference.path)
            return msgspec.json.encode(found).decode()
        value = found.get(reference.field)
        if not isinstance(value, str | int | float) or value == "":
            raise ConfigError("there is no such secret in Vault", place=reference.path, field=reference.field)
        return value if isinstance(value, str) else str(value)

    def _read(self, path: str) -> dict[str, Any]:
        if self._client is None:
            self._log_in()
        client, mount = self._client, self._settings.mount

        def ask() -> Any:  # noqa: ANN401 - the vendor's answers have no type
            return client.secrets.kv.v2.read_secret_version(path=path, mount_point=mount, raise_on_deleted_version=True)

        try:
            answer = self._ask(ask, path)
        except exceptions.InvalidPath:
            return {}
        data = answer.get("data", {}).get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            raise ConfigError("it is no key-value engine of version 2", mount=mount, place=path)
        return data

    # The login

    def _log_in(self) -> None:
        told, since_ns = self._settings, self._clock.monotonic_ns()
        session = requests.Session()
        session.trust_env = False
        client = hvac.Client(
            url=told.url,
            verify=told.ca_file or True,
            timeout=told.timeout_s,
            namespace=told.namespace or None,
            session=session,
            # A token is not carried to wherever the server may point.
            allow_redirects=False,
        )
        try:
            answer = self._ask(lambda: self._token(client), "login")
        except (*_REFUSED, exceptions.InvalidRequest, exceptions.InvalidPath):
            raise ConfigError("Vault refuses the login", auth=told.auth, url=told.url) from None
        facts = answer.get("auth") or answer.get("data") or {}
        lives_s = float(facts.get("lease_duration", facts.get("ttl", 0)) or 0)
        self._lease = Lease(since_ns=since_ns, lives_s=lives_s, renewable=bool(facts.get("renewable")))
        self._client = client
        self.logins += 1
        logger.info("logged in to Vault at {} by {}, for {:.0f} s", told.url, told.auth, lives_s)
        if self._keeper is None and not self._ended.is_set():
            self._keeper = threading.Thread(target=self._keep_alive, name="vault", daemon=True)
            self._keeper.start()

    def _token(self, client: Any) -> Any:  # noqa: ANN401 - the vendor's client and answers have no type
        told, environment = self._settings, self._environment
        if told.auth == "token":
            client.token = read_secret(told.token_env, told.token_file, environment)
            return client.auth.token.lookup_self()
        mount = told.auth_mount or told.auth
        if told.auth == "approle":
            role_id = read_secret(told.role_id_env, told.role_id_file, environment)
            secret_id = read_secret(told.secret_id_env, told.secret_id_file, environment)
            return client.auth.approle.login(role_id=role_id, secret_id=secret_id, mount_point=mount)
        if not told.role:
            raise ConfigError("auth kubernetes needs a role")
        return client.auth.kubernetes.login(role=told.role, jwt=_service_account(told.jwt_file), mount_point=mount)

    # In the background

    def _keep_alive(self) -> None:
        refreshed_ns = self._clock.monotonic_ns()
        while not self._ended.wait(min(_RETRY_S, self._settings.refresh_s / 2, self._pause_s())):
            now_ns = self._clock.monotonic_ns()
            try:
                with self._lock:
                    if self._lease is not None and self._lease.lives_s and now_ns >= self._lease.renew_ns:
                        self._renew()
                if now_ns - refreshed_ns >= self._settings.refresh_s * 1e9:
                    refreshed_ns = now_ns
                    self._refresh()
                problem = ""
            except TradepitError as error:
                problem = str(error)
            if problem != self._problem:
                logger.log("WARNING" if problem else "INFO", "Vault: {}", problem or "the login is alive again")
            self._problem = problem

    def _pause_s(self) -> float:
        lease = self._lease
        return max(0.05, lease.lives_s / 10) if lease is not None and lease.lives_s else _RETRY_S

    def _renew(self) -> None:
        """More time for the token, or another one. Raises as ``read`` does."""
        lease, since_ns = self._lease, self._clock.monotonic_ns()
        if self._client is not None and lease is not None and lease.renewable:
            client = self._client
            try:
                answer = self._ask(client.auth.token.renew_self, "renewal")
            except (*_REFUSED, exceptions.InvalidRequest):
                answer = {}
            lives_s = float((answer.get("auth") or {}).get("lease_duration", 0) or 0)
            # At the end of its longest life a token is given less and less.
            if lives_s > lease.lives_s / 2:
                self._lease = Lease(since_ns=since_ns, lives_s=lives_s, renewable=True)
                self.renewals += 1
                return
        self._log_in()

    def _refresh(self) -> None:
        for reference in list(self._known):
            self._known[reference] = self._fetch(reference)

    def _ask(self, work: Callable[[], T], place: str) -> T:
        """The library's answer; what it raises becomes ours, but for refusals, which mean different things in different places."""
        url = self._settings.url
        try:
            return work()
        except (*_REFUSED, exceptions.InvalidPath, exceptions.InvalidRequest):
            raise
        except requests.exceptions.SSLError:
            raise ConfigError("Vault's certificate is not to be believed", url=url) from None
        except requests.exceptions.Timeout:
            raise TimedOut("Vault does not answer", url=url, place=place) from None
        except (*_PASSING, requests.exceptions.ConnectionError) as error:
            raise Unavailable("Vault cannot be asked now", url=url, place=place, cause=type(error).__name__) from None
        except (exceptions.VaultError, requests.exceptions.RequestException, ValueError) as error:
            raise InternalError("Vault's answer cannot be used", url=url, place=place, cause=type(error).__name__) from None


def _service_account(file: str) -> str:
    """The service account's token, which the cluster puts where the pod's group may read it, and renews."""
    try:
        with Path(file).open(encoding="utf-8") as source:
            return source.read(16_384).strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError("the service account's token cannot be read", file=file) from None
