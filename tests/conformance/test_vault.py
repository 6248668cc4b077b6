"""The way to Vault, against a real OpenBao: logins, leases that run out, a server that is killed or sealed, and references."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from loguru import logger
from tests.patience import PATIENCE_S
from tests.servers.openbao import OpenbaoServer

from tradepit.backends.secrets.env import EnvSecrets
from tradepit.backends.secrets.referred import ReferredSecrets
from tradepit.backends.secrets.vault_link import VaultLink
from tradepit.cli.doctor_vault import check_vault
from tradepit.cli.finding import Outcome
from tradepit.compose.bots import secrets_of
from tradepit.compose.tqsdk_login import login_of
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings, TqAccountSettings, TqSettings, dump
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.secret_references import ReferredEnvironment, SecretReference
from tradepit.runtime.secret_source import read_secret
from tradepit.runtime.vault_settings import VaultSettings
from tradepit.trading.model.errors import ConfigError, TradepitError, Unavailable

SECRET = "hunter2-hunter2"
POLICY = 'path "secret/data/bots/*" { capabilities = ["read"] }'


@pytest.fixture
def server(openbao_server: OpenbaoServer) -> OpenbaoServer:
    openbao_server.client().secrets.kv.v2.create_or_update_secret("bots/mm1", secret={"password": SECRET, "number": 7})
    return openbao_server


@pytest.fixture
def logged() -> Iterator[list[str]]:
    lines: list[str] = []
    number = logger.add(lambda line: lines.append(str(line)), level="TRACE")
    yield lines
    logger.remove(number)


@pytest.fixture
def link(server: OpenbaoServer) -> Iterator[Callable[..., VaultLink]]:
    made: list[VaultLink] = []

    def make(environment: Mapping[str, str] | None = None, **more: Any) -> VaultLink:
        settings = msgspec.convert({"url": server.url, "timeout_s": 30.0} | more, VaultSettings)
        environment = {"VAULT_TOKEN": server.root} if environment is None else environment
        made.append(VaultLink(settings, environment, SystemClock()))
        return made[-1]

    yield make
    for each in made:
        each.close()
        each.close()


def role(server: OpenbaoServer, **more: object) -> dict[str, str]:
    """An application's role that may read bots' secrets, as environment."""
    client = server.client()
    client.sys.create_or_update_policy("bots", POLICY)
    if "approle/" not in client.sys.list_auth_methods()["data"]:
        client.sys.enable_auth_method("approle")
    client.auth.approle.create_or_update_approle("bots", token_policies=["bots"], **more)
    role_id = client.auth.approle.read_role_id("bots")["data"]["role_id"]
    return {"ROLE": role_id, "SECRET": client.auth.approle.generate_secret_id("bots")["data"]["secret_id"]}


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


APPROLE = {"auth": "approle", "role_id_env": "ROLE", "secret_id_env": "SECRET"}
AT = SecretReference("bots/mm1", "password")


def test_a_role_reads_what_its_policy_allows_and_nothing_else(server: OpenbaoServer, link: Callable[..., VaultLink]) -> None:
    server.client().secrets.kv.v2.create_or_update_secret("houses/main", secret={"password": SECRET})
    vault = link(role(server), **APPROLE)
    assert vault.read("bots/mm1") == {"password": SECRET, "number": 7}
    assert vault.read("bots/nobody") == {}
    with pytest.raises(ConfigError) as caught:
        vault.read("houses/main")
    assert (caught.value.details["place"], caught.value.__cause__) == ("houses/main", None)


def test_a_short_lived_token_is_renewed_and_at_its_end_replaced(
    server: OpenbaoServer, link: Callable[..., VaultLink], logged: list[str]
) -> None:
    environment = role(server, token_ttl="1s", token_max_ttl="3s")
    vault = link(environment, **APPROLE)
    vault.read("bots/mm1")
    until(lambda: vault.renewals >= 1, "a renewal")
    until(lambda: vault.logins >= 2, "a new login")
    assert vault.read("bots/mm1")["password"] == SECRET
    told = "".join(logged)
    assert [text for text in (SECRET, server.root, *environment.values()) if text in told] == []


def test_a_token_that_ran_out_unseen_costs_one_more_login(server: OpenbaoServer, link: Callable[..., VaultLink]) -> None:
    vault = link(role(server), **APPROLE)
    vault.read("bots/mm1")
    token = vault._client.token
    server.client().auth.token.revoke(token)
    assert vault.read("bots/mm1")["password"] == SECRET
    assert (vault.logins, vault._client.token != token) == (2, True)


def test_a_token_of_ours_that_is_revoked_is_told_and_a_new_one_is_taken(
    server: OpenbaoServer, link: Callable[..., VaultLink], tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.touch(mode=0o600)
    made = server.client().auth.token.create(policies=["root"], ttl="1h")["auth"]["client_token"]
    file.write_text(made)
    vault = link({}, token_file=str(file))
    assert vault.read("bots/mm1")["number"] == 7
    server.client().auth.token.revoke(made)
    with pytest.raises(ConfigError, match="refuses the login") as caught:
        vault.read("bots/mm1")
    assert made not in f"{caught.value!r} {caught.value}"
    file.write_text(server.root)
    assert vault.read("bots/mm1")["number"] == 7


@pytest.mark.parametrize(
    ("more", "environment"),
    [
        ({}, {}),
        ({}, {"VAULT_TOKEN": "wrong-token-wrong"}),
        (APPROLE, {"ROLE": "wrong-role-wrong", "SECRET": "wrong-secret-wrong"}),
        (APPROLE, {"ROLE": "x"}),
        ({"auth": "kubernetes"}, {}),
        ({"auth": "kubernetes", "role": "bots", "jwt_file": "/nowhere"}, {}),
        ({"mount": "nowhere"}, None),
    ],
)
def test_what_cannot_log_in_or_read_says_so_and_shows_nothing(
    link: Callable[..., VaultLink], more: dict[str, Any], environment: dict[str, str] | None
) -> None:
    vault = link(environment, **more)
    if "mount" in more:
        assert vault.read("bots/mm1") == {}
        return
    with pytest.raises(ConfigError) as caught:
        vault.read("bots/mm1")
    assert "wrong" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"


def test_a_server_that_is_killed_or_sealed_is_unavailable_and_what_is_known_stays(
    server: OpenbaoServer, link: Callable[..., VaultLink]
) -> None:
    vault = link(refresh_s=0.2)
    assert vault.resolve(AT) == SECRET
    server.seal()
    with pytest.raises(Unavailable):
        vault.read("bots/mm1")
    server.unseal()
    until(lambda: vault.read("bots/mm1") != {}, "the server to tell again")
    server.kill()
    try:
        with pytest.raises(Unavailable):
            vault.read("bots/mm1")
        assert vault.resolve(AT) == SECRET
        with pytest.raises(Unavailable):
            vault.resolve(SecretReference("bots/mm2", "password"))
    finally:
        server.start()
    server.client().secrets.kv.v2.create_or_update_secret("bots/mm1", secret={"password": "another-secret"})
    until(lambda: vault.resolve(AT) == "another-secret", "the new secret to be read in the background")


def test_settings_and_the_environment_may_say_where_a_secret_is(server: OpenbaoServer, link: Callable[..., VaultLink]) -> None:
    vault = link()
    environment = ReferredEnvironment(
        {"PLAIN": "p", "PASSWORD": "vault:bots/mm1#password", "BOT_SECRETS": "vault:bots/mm1", "BAD": "vault:bots/mm1#"},
        vault.resolve,
    )
    assert read_secret("PASSWORD", "", environment) == SECRET
    assert read_secret("vault:bots/mm1#number", "", environment) == "7"
    assert read_secret("PLAIN", "", environment) == "p"
    bots = EnvSecrets(environment, {"broker": "BOT_SECRETS"})
    assert dict(bots.read("broker")) == {"password": SECRET, "number": "7"}
    inner = EnvSecrets({"BOT_SECRETS": '{"password": "vault:bots/mm1#password", "user": "u"}'}, {"broker": "BOT_SECRETS"})
    referred = ReferredSecrets(inner, vault.resolve).read("broker")
    assert (dict(referred), SECRET in repr(referred)) == ({"password": SECRET, "user": "u"}, False)
    for name in ("BAD", "vault:bots/mm1#nothing", "vault:bots/nobody#password", "vault:bots/nobody", "vault:../x#y"):
        with pytest.raises(TradepitError) as caught:
            read_secret(name, "", environment)
        assert caught.value.reason_code == "CONFIG_INVALID"


class Cluster(ThreadingHTTPServer):
    """Knows one service account's token."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.token = service_account_token()


class Reviewer(BaseHTTPRequestHandler):
    """As much of a cluster as Vault asks: whether a service account's token is one."""

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert isinstance(self.server, Cluster)
        good = told["spec"]["token"] == self.server.token
        account = "system:serviceaccount:trading:bot-runner"
        status = {"authenticated": True, "user": {"username": account, "uid": "u1"}} if good else {"authenticated": False}
        body = json.dumps({"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": status}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


def service_account_token() -> str:
    """A token as a cluster makes them; nobody but the reviewer looks at its signature."""
    now = int(time.time())
    claims = {
        "iss": "https://kubernetes.default.svc", "sub": "system:serviceaccount:trading:bot-runner", "exp": now + 3_600, "iat": now - 60, "nbf": now - 60,
        "kubernetes.io": {"namespace": "trading", "serviceaccount": {"name": "bot-runner", "uid": "u1"}},
    }  # fmt: skip
    parts = [json.dumps({"alg": "RS256", "typ": "JWT"}).encode(), json.dumps(claims).encode(), b"x" * 256]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def a_certificate() -> str:
    """One that Vault wants to be told of a cluster, and does not need here."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cluster")])
    begins = datetime(2025, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    signed = made.not_valid_before(begins).not_valid_after(begins + timedelta(days=36_500)).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def test_a_pods_service_account_logs_in(server: OpenbaoServer, link: Callable[..., VaultLink], tmp_path: Path) -> None:
    reviewer = Cluster(("127.0.0.1", 0), Reviewer)
    threading.Thread(target=reviewer.serve_forever, daemon=True).start()
    try:
        client = server.client()
        client.sys.create_or_update_policy("bots", POLICY)
        client.sys.enable_auth_method("kubernetes")
        client.auth.kubernetes.configure(
            kubernetes_host=f"http://127.0.0.1:{reviewer.server_port}",
            kubernetes_ca_cert=a_certificate(),
            token_reviewer_jwt=reviewer.token,
            disable_local_ca_jwt=True,
        )
        client.auth.kubernetes.create_role(
            "bots", bound_service_account_names=["bot-runner"], bound_service_account_namespaces=["trading"],
            policies=["bots"], ttl="60s",
        )  # fmt: skip
        jwt = tmp_path / "token"
        jwt.write_text(reviewer.token + "\n")
        vault = link({}, auth="kubernetes", role="bots", jwt_file=str(jwt))
        assert vault.read("bots/mm1")["password"] == SECRET
        assert vault.log_in() == 60
        jwt.write_text(reviewer.token[:-8] + "AAAAAAAA")
        with pytest.raises(ConfigError, match="refuses the login") as caught:
            vault.log_in()
        assert reviewer.token[:40] not in f"{caught.value!r}"
    finally:
        reviewer.shutdown()
        reviewer.server_close()


def test_the_doctor_says_for_how_long_it_is_let_in(server: OpenbaoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    told = VaultSettings(url=server.url)
    monkeypatch.setenv("VAULT_TOKEN", server.root)
    found = check_vault(Settings(vault=told))
    assert (found.outcome, "never ends" in found.seen, server.root in found.seen + found.mend) == (Outcome.WARN, True, False)
    for name, value in role(server, token_ttl="300s", token_max_ttl="600s").items():
        monkeypatch.setenv(name, value)
    found = check_vault(Settings(vault=msgspec.convert({"url": server.url} | APPROLE, VaultSettings)))
    assert (found.outcome, found.seen.endswith("for 300 s")) == (Outcome.OK, True)
    monkeypatch.setenv("SECRET", "wrong-secret-wrong")
    found = check_vault(Settings(vault=msgspec.convert({"url": server.url} | APPROLE, VaultSettings)))
    assert (found.outcome, "wrong-secret" in found.seen + found.mend) == (Outcome.FAIL, False)


def test_bots_and_brokers_get_what_their_settings_refer_to(server: OpenbaoServer, tmp_path: Path) -> None:
    account = TqAccountSettings(account="A1", broker_id="simnow", user="88", password_env="WORD")
    tq = TqSettings(run_mode="real", user="mira", password_env="vault:bots/mm1#password", accounts=(account,))
    settings = Settings(bus="memory://", vault=VaultSettings(url=server.url), tq=tq)
    environment = {"VAULT_TOKEN": server.root, "WORD": "vault:bots/mm1#number", "BOT_SECRETS": "vault:bots/mm1"}
    made = Wiring(settings, process="test", secrets=environment)
    (tmp_path / "broker.json").touch(mode=0o600)
    (tmp_path / "broker.json").write_text('{"password": "vault:bots/mm1#password", "number": 7}')
    for mount in ("", "vault:bots/mm1", str(tmp_path)):
        assert dict(secrets_of(made, mount).read("broker")) == {"password": SECRET, "number": "7"}, mount
    login = login_of(tq, made.secrets)
    assert (login.password, login.accounts[0].password) == (SECRET, "7")
    assert SECRET not in dump(settings)
    made.vault().close()
