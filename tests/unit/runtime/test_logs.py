"""Logs: the console at its level, everything in the file."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from tradepit.runtime.clock import SystemClock
from tradepit.runtime.logs import set_up


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    yield
    logger.remove()
    logger.configure(extra={})
    logger.add(sys.stderr)


def test_the_console_has_its_level_and_the_file_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_up("orders-1", level="WARNING", folder=tmp_path / "logs")
    logger.debug("a detail with {} braces", "no")
    logger.warning("a warning")
    logger.complete()
    console = capsys.readouterr().err
    assert "a warning" in console
    assert "a detail" not in console
    written = (tmp_path / "logs" / "orders-1.log").read_text()
    assert "orders-1" in written
    assert "a detail with no braces" in written
    assert "a warning" in written


def test_every_line_tells_time_level_module_and_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_up("orders-1", level="INFO", folder=tmp_path)
    logger.info("traded")
    logger.complete()
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} INFO    orders-1 test_logs traded\n", capsys.readouterr().err)
    written = (tmp_path / "orders-1.log").read_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO    orders-1 \S*test_logs:\d+ traded\n", written)


def test_a_file_of_ten_megabytes_is_followed_by_another_and_kept_for_seven_days(tmp_path: Path) -> None:
    now = SystemClock().now_ns() // 1_000_000_000
    for name, days in (("orders-1.a.log", 8), ("orders-1.b.log", 6)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (now - days * 86_400,) * 2)
    set_up("orders-1", level="ERROR", folder=tmp_path)
    line = "x" * 100_000
    for _ in range(101):
        logger.debug(line)
    logger.complete()
    sizes = sorted(path.stat().st_size for path in tmp_path.iterdir())
    assert [name for name in ("orders-1.a.log", "orders-1.b.log") if (tmp_path / name).exists()] == ["orders-1.b.log"]
    assert len(sizes) == 3
    assert 9_900_000 < sizes[-1] <= 10_000_000


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    set_up("orders-1", level="INFO", folder=None)
    logger.info("only on the console")
    assert list(tmp_path.iterdir()) == []
