"""Bad words on the command line: one of the documented exit codes each, a sentence, and never a traceback."""

import random
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.bad_requests import VALUES

from tradepit.cli.main import main

_RUNS = 2_000
_WORDS = tuple(str(value)[:80] for value in VALUES if "\x00" not in str(value))
_GOOD: dict[str, tuple[str, ...]] = {
    "order": ("buy", "IF2501", "4500", "1", "--account", "A1", "--offset", "OPEN", "--type", "LIMIT", "--id", "i"),
    "cancel": ("o-1", "--account", "A1"),
    "algo": ("start", "--kind", "TWAP", "--symbol", "IF2501", "--volume", "1", "--price", "4500", "--duration", "9"),
    "verify": ("/nowhere",),
    "run": ("no-such-role",),
    "roles": ("--json", "x"),
    "contracts": ("x",),
    "demo": ("--seconds", "x"),
    "bench": ("nothing",),
    "watch": ("--config", "/nowhere"),
    "doctor": ("--json", "--config", "\udcff"),
}
# Well-formed requests find nobody in a house of memory alone: 4. Everything else is the caller's mistake: 2.
_EXITS = {2, 4, 5}


def test_bad_command_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "settings.yaml"
    config.write_text("bus: memory://\nlease: memory\ncache: memory\njournal: memory\norders: {retry: {deadline_s: 0.001}}\n")
    chance = random.Random(3)
    codes: Counter[object] = Counter()
    for _ in range(_RUNS):
        words = _spoiled(chance, str(config))
        monkeypatch.setattr(sys, "argv", ["tradepit", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        assert ended.value.code in _EXITS, (words, ended.value.code, shown)
        assert "Traceback" not in shown.out + shown.err, words
        assert shown.out + shown.err, words
        codes[ended.value.code] += 1
    assert codes[2] > _RUNS / 2, codes


def _spoiled(chance: random.Random, config: str) -> list[str]:
    """A command line with at least one bad word in it that is no help flag; commands that would run for long never are valid."""
    command = chance.choice(sorted(_GOOD))
    words = list(_GOOD[command])
    if command in ("order", "cancel", "algo"):
        for _ in range(chance.randint(1, 3)):
            words[chance.randrange(len(words))] = chance.choice(_WORDS)
        words += ["--config", config]
        if chance.random() < 0.3:
            words.append("--json")
    if chance.random() < 0.2:
        words.append(chance.choice(("--nonsense", "--json=maybe", "--config", "-x")))
    if chance.random() < 0.05:
        command = chance.choice(("ordr", "", "BUY", "--", "漢字"))
    return [command, *words]
