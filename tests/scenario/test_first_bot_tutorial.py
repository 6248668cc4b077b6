"""The tutorial of the first bot does what it says, word for word; and the demo it records is the same through the backtester."""

import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl

_TEXT = (Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "first-bot.md").read_text(encoding="utf-8")
_PATIENCE_S = 900


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", _TEXT, re.DOTALL)


def _run(command: str, folder: Path) -> str:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


def test_the_tutorial_from_the_first_line_to_the_last(tmp_path: Path) -> None:
    (bot,) = _blocks("python")
    (tmp_path / "first_bot.py").write_text(bot, encoding="utf-8")
    record, plain, reported, swept = _blocks("sh")
    _run(record, tmp_path)
    told = _run(plain, tmp_path)
    assert "FirstBot" in told
    assert told.splitlines()[-1].startswith("digest ")
    assert _run(plain, tmp_path).splitlines()[-1] == told.splitlines()[-1]
    assert _run(reported, tmp_path) != told
    assert "<svg" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    fills = pl.read_parquet(tmp_path / "report" / "fills.parquet")
    assert set(fills["symbol"]) <= {"IF2501"}
    assert "4 runs, best first" in _run(swept, tmp_path)
    # The house that was killed, paused and cut off while it recorded: its session is the same through the backtester.
    assert _run("tradepit parity .tradepit/demo", tmp_path).startswith("the same fills")
