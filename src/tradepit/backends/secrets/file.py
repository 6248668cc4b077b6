"""Secrets in files of one folder, as Kubernetes mounts them: ``<folder>/<name>.json``, each a JSON object of texts."""

import os
from collections.abc import Mapping
from pathlib import Path

from tradepit.runtime.secret_source import read_pairs
from tradepit.trading.model.errors import ConfigError
from tradepit.trading.model.ids import check_id

_EVERYBODY = 0o007
_MOST_BYTES = 1024 * 1024


class FileSecrets:
    """A file that everybody on the machine can read is refused; its group may (a pod's ``fsGroup``, ``defaultMode: 0440``)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> Mapping[str, str]:
        path = self._folder / f"{check_id(name, 'secret')}.json"
        try:
            with path.open("rb") as source:
                # Asked of the open file: the name may mean another one a moment later.
                if os.fstat(source.fileno()).st_mode & _EVERYBODY:
                    raise ConfigError("everybody can read the secrets' file: chmod 600, or defaultMode 0440", file=str(path))
                text = source.read(_MOST_BYTES).decode()
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError("the secrets' file cannot be read", file=str(path)) from error
        return read_pairs(text, str(path)) if text.strip() else {}
