"""Takes secrets out of what is logged or shown, whoever wrote it."""

import traceback
from collections.abc import Iterable
from typing import Any

_SHOWN = "•••"
_SHORTEST = 4


class Redactor:
    """Replaces secrets of at least four characters; shorter ones are in too many words to be told from them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first: a secret may be part of another.
        self._secrets = sorted({secret for secret in secrets if len(secret) >= _SHORTEST}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """``text`` without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, _SHOWN)
        return text

    def value(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """A JSON value without secrets in its texts."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(each) for each in value]
        if isinstance(value, dict):
            return {self.text(name): self.value(each) for name, each in value.items()}
        return value

    def record(self, record: Any) -> None:  # noqa: ANN401 - loguru's own record, for ``logger.patch``
        """Take secrets out of a log record; an exception that shows one becomes text."""
        if not self._secrets:
            return
        record["message"] = self.text(record["message"])
        raised = record["exception"]
        if raised is not None and raised.value is not None:
            told = "".join(traceback.format_exception(raised.value))
            clean = self.text(told)
            if clean != told:
                record["message"] += "\n" + clean
                record["exception"] = None
