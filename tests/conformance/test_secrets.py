"""Every backend of secrets keeps the port's promises, and shows no secret when it refuses."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from tests.servers.openbao import OpenbaoServer

from tradepit.backends.secrets.env import EnvSecrets
from tradepit.backends.secrets.file import FileSecrets
from tradepit.backends.secrets.vault import VaultSecrets
from tradepit.backends.secrets.vault_link import VaultLink
from tradepit.ports.secrets import Secrets
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.vault_settings import VaultSettings
from tradepit.trading.model.errors import ConfigError, IdNotValid

Write = Callable[[str], None]
SECRET = "hunter2-hunter2"


def in_vault(server: OpenbaoServer, path: str) -> Write:
    """Writes the secrets at a path; no text takes all of them away. What is no object of texts is put where they should be."""

    def write(text: str) -> None:
        try:
            data = json.loads(text)
        except ValueError:
            data = {"password": [text]}
        if not isinstance(data, dict):
            data = {"password": data}
        server.client().secrets.kv.v2.create_or_update_secret(path, secret=data)

    return write


def vault(server: OpenbaoServer, **more: object) -> VaultLink:
    settings = msgspec.convert({"url": server.url, "timeout_s": 2.0} | more, VaultSettings)
    return VaultLink(settings, {"VAULT_TOKEN": server.root}, SystemClock())


@pytest.fixture(params=["env", "file", "vault"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Secrets, Write]]:
    if request.param == "vault":
        server: OpenbaoServer = request.getfixturevalue("openbao_server")
        path, link = f"bots/{tmp_path.name}", vault(server)
        yield VaultSecrets(link, {"broker": path}), in_vault(server, path)
        link.close()
        return
    yield kept_here(request.param, tmp_path)


def kept_here(kind: str, tmp_path: Path) -> tuple[Secrets, Write]:
    if kind == "env":
        environment: dict[str, str] = {}
        return EnvSecrets(environment, {"broker": "BOT_SECRETS"}), lambda text: environment.update(BOT_SECRETS=text)

    def write(text: str) -> None:
        path = tmp_path / "broker.json"
        path.touch(mode=0o600)
        path.write_text(text)

    return FileSecrets(tmp_path), write


def test_secrets_are_read_anew_each_time(kept: tuple[Secrets, Write]) -> None:
    secrets, write = kept
    assert dict(secrets.read("broker")) == {}
    write(f'{{"user": "u", "password": "{SECRET}", "number": 7}}')
    assert dict(secrets.read("broker")) == {"user": "u", "password": SECRET, "number": "7"}
    write('{"user": "v"}')
    assert dict(secrets.read("broker")) == {"user": "v"}
    assert dict(secrets.read("others")) == {}


@pytest.mark.parametrize("text", [f'{{"password": "{SECRET}"', f'["{SECRET}"]', f'{{"{SECRET}": {{}}}}', SECRET])
def test_what_is_no_secrets_is_refused_without_being_shown(kept: tuple[Secrets, Write], text: str) -> None:
    secrets, write = kept
    write(text)
    with pytest.raises(ConfigError) as caught:
        secrets.read("broker")
    assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"


def test_printed_secrets_show_their_names_only(kept: tuple[Secrets, Write]) -> None:
    secrets, write = kept
    write(f'{{"password": "{SECRET}"}}')
    told = secrets.read("broker")
    assert f"{told} {told!r}" == "SecretPairs(password) SecretPairs(password)"


def test_a_name_is_a_token(kept: tuple[Secrets, Write]) -> None:
    with pytest.raises(IdNotValid):
        kept[0].read("../broker")


def test_a_file_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broker.json").write_text("{}")
    (tmp_path / "broker.json").chmod(0o644)
    with pytest.raises(ConfigError, match="everybody"):
        FileSecrets(tmp_path).read("broker")
    (tmp_path / "broker.json").chmod(0o640)
    assert dict(FileSecrets(tmp_path).read("broker")) == {}
