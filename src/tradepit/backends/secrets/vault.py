"""Secrets in Vault or OpenBao: one path of its key-value engine for each name."""

from collections.abc import Mapping

from tradepit.backends.secrets.vault_link import VaultLink
from tradepit.runtime.secret_source import SecretPairs
from tradepit.trading.model.errors import ConfigError
from tradepit.trading.model.ids import check_id


class VaultSecrets:
    """``paths`` says where which secrets are: ``{"broker": "bots/mm1"}``."""

    def __init__(self, link: VaultLink, paths: Mapping[str, str]) -> None:
        self._link, self._paths = link, paths

    def read(self, name: str) -> Mapping[str, str]:
        path = self._paths.get(check_id(name, "secret"), "")
        found = self._link.read(path) if path else {}
        if not all(isinstance(value, str | int | float | bool) for value in found.values()):
            raise ConfigError("secrets are texts", place=path)
        return SecretPairs({key: value if isinstance(value, str) else str(value) for key, value in found.items()})
