"""Secrets of another backend, some of which only say where they are."""

from collections.abc import Mapping

from tradepit.ports.secrets import Secrets
from tradepit.runtime.secret_references import Resolve, resolved
from tradepit.runtime.secret_source import SecretPairs


class ReferredSecrets:
    """A value ``vault:path#field`` is replaced by what is there. Raises ConfigError and Unavailable beside what the other raises."""

    def __init__(self, inner: Secrets, resolve: Resolve) -> None:
        self._inner, self._resolve = inner, resolve

    def read(self, name: str) -> Mapping[str, str]:
        return SecretPairs({key: resolved(value, self._resolve) for key, value in self._inner.read(name).items()})
