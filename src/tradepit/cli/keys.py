"""Single key presses from the terminal, without blocking."""

import os
import select
import sys
from types import TracebackType
from typing import Self


class Keys:
    """Use as a context manager; the terminal is put back as it was. Does nothing where there is no terminal."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled and sys.stdin.isatty()
        self._saved: list[object] | None = None

    def __enter__(self) -> Self:
        if self._enabled:
            import termios  # noqa: PLC0415 - does not exist on Windows
            import tty  # noqa: PLC0415 - does not exist on Windows

            self._saved = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._saved is not None:
            import termios  # noqa: PLC0415 - does not exist on Windows

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._saved)  # type: ignore[arg-type]  # what tcgetattr gave

    def pressed(self) -> str:
        """The keys pressed since the last call."""
        if not self._enabled:
            return ""
        ready, _, _ = select.select([sys.stdin], [], [], 0)
        return os.read(sys.stdin.fileno(), 32).decode("ascii", "ignore") if ready else ""
