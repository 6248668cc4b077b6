"""Secrets: what a program must know and nobody else may; read when needed, so that they can be renewed."""

from collections.abc import Mapping
from typing import Protocol


class Secrets(Protocol):
    """Raises ConfigError when what is there cannot be used, Unavailable when the place cannot be reached now.

    Errors name the place and never what is in it. Reading may block: call it in a thread.
    """

    def read(self, name: str) -> Mapping[str, str]:
        """The secrets kept under ``name`` (a token), by their own names. Empty when there are none. Read anew at each call."""
