"""How far a verification has come, told to whoever waits for it."""

import sys
from collections.abc import Callable
from typing import Self, TextIO

Watch = Callable[[int, int], None]
"""Told now and then how much of how much has been read."""

Told = Callable[[str, int], None]
"""Told a part of the work and how much of it is done, in percent; never twice the same."""


def nobody(part: str, percent: int) -> None:
    """Where nobody waits."""
    del part, percent


def unwatched(done: int, total: int) -> None:
    """Where nobody watches."""
    del done, total


def watch(part: str, tell: Told) -> Watch:
    """A watch over one part of the work that tells each whole percent once."""
    told = -1

    def see(done: int, total: int) -> None:
        nonlocal told
        percent = 100 if done >= total else 100 * done // total
        if percent != told:
            told = percent
            tell(part, percent)

    return see


class ProgressLine:
    """All parts in one line that is written over and over on a terminal, and taken away at the end.

    Elsewhere nothing is written, or, with ``always``, a line for every tenth of each part. Use as ``with ProgressLine() as line``.
    """

    def __init__(self, stream: TextIO | None = None, *, always: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._over = self._stream.isatty()
        self._shown = self._over or always
        self._parts: dict[str, int] = {}
        self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            self._stream.write(f"\r{'':<{self._width}}\r")
            self._stream.flush()

    def tell(self, part: str, percent: int) -> None:
        """Show that ``percent`` of ``part`` are done."""
        before = self._parts.get(part, -1)
        self._parts[part] = percent
        if not self._shown:
            return
        if self._over:
            line = " · ".join(f"{name} {done} %" for name, done in sorted(self._parts.items()))
            self._stream.write(f"\r{line:<{self._width}}")
            self._width = len(line)
            self._stream.flush()
        elif percent // 10 != before // 10:
            self._stream.write(f"{part} {percent} %\n")
            self._stream.flush()
