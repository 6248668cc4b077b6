"""Keys, where there is a terminal and where there is none."""

import os
import pty
import sys
import termios

import pytest

from tradepit.cli.keys import Keys


@pytest.mark.parametrize("enabled", [True, False])
def test_without_a_terminal_nothing_is_pressed(monkeypatch: pytest.MonkeyPatch, enabled: bool) -> None:
    read, write = os.pipe()
    with os.fdopen(read) as stdin, os.fdopen(write, "w") as other:
        other.write("q")
        other.flush()
        monkeypatch.setattr(sys, "stdin", stdin)
        with Keys(enabled=enabled) as keys:
            assert keys.pressed() == ""


def test_keys_come_one_by_one_and_the_terminal_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = pty.openpty()
    with os.fdopen(ours, closefd=True) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        before = termios.tcgetattr(ours)
        with Keys(enabled=True) as keys:
            assert keys.pressed() == ""
            os.write(theirs, b"k\xffq")
            assert keys.pressed() == "kq"
            assert termios.tcgetattr(ours) != before
        after = termios.tcgetattr(ours)
    os.close(theirs)
    assert after[3] == before[3]
