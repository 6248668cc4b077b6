"""Logs: the console at its level, everything in the file."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

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


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    set_up("orders-1", level="INFO", folder=None)
    logger.info("only on the console")
    assert list(tmp_path.iterdir()) == []
