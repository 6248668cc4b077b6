"""What was asked and what was answered, line by line: the record by which somebody else can account for every order."""

import os
from io import BufferedWriter
from pathlib import Path
from typing import Any

import msgspec


class IntentLog:
    """JSON lines ``{"event": "asked" | "answered", "client_order_id": …}``; without a path nothing is kept.

    A line is with the operating system before ``asked`` returns, so it survives the death of this process.
    """

    def __init__(self, path: Path | None) -> None:
        self._file: BufferedWriter | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")

    def asked(self, client_order_id: str, request: dict[str, Any], time_ns: int) -> None:
        """An order is about to be sent; ``request`` is what it says, ``time_ns`` (UTC) when."""
        self._write({"event": "asked", "client_order_id": client_order_id, "time_ns": time_ns, "request": request})

    def answered(self, client_order_id: str, reply: dict[str, Any], time_ns: int) -> None:
        """The final answer: the reply, or ``{"error": code}``. After OUTCOME_UNKNOWN, and after a reply whose ``status`` is
        ``acknowledged`` or ``published``, the order's fate is not known here.
        """
        self._write({"event": "answered", "client_order_id": client_order_id, "time_ns": time_ns, "reply": reply})

    def close(self) -> None:
        """Put everything on disk. Idempotent."""
        if self._file is not None and not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is not None and not self._file.closed:
            self._file.write(msgspec.json.encode(line) + b"\n")
            self._file.flush()
