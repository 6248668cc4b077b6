"""The store command: what it says of the tables, and that it never shows a password."""

import json
import sys
from pathlib import Path

import pytest

from tradepit.cli import main as command

Printed = pytest.CaptureFixture[str]


def tradepit(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["tradepit", *words])
    with pytest.raises(SystemExit) as ended:
        command.main()
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_tables_are_missing_then_migrated_then_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setenv("TRADEPIT_STORE", f"sqlite+aiosqlite:///{tmp_path / 'store.db'}")
    assert tradepit(monkeypatch, "store", "status", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["revision"], told["missing"], told["up_to_date"]) == ("", ["0001", "0002"], False)
    assert not (tmp_path / "store.db").exists()
    assert tradepit(monkeypatch, "store", "migrate", "--json") == 0
    assert tradepit(monkeypatch, "store", "migrate") == 0
    capsys.readouterr()
    assert tradepit(monkeypatch, "store", "status", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "store": f"sqlite+aiosqlite:///{tmp_path / 'store.db'}", "revision": "0002", "newest": "0002", "missing": [], "up_to_date": True,
        "ticks": "one plain table",
    }  # fmt: skip


@pytest.mark.parametrize(
    "url", ["", "mysql://me:my-secret@host/db", "postgresql+asyncpg://me:my-secret@host:port/db", "my-secret"]
)
def test_a_store_that_cannot_be_used_is_told_without_its_secret(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setenv("TRADEPIT_STORE", url)
    assert tradepit(monkeypatch, "store", "status", "--json") == 2
    printed = capsys.readouterr()
    assert json.loads(printed.out)["error"] == "CONFIG_INVALID"
    assert "my-secret" not in printed.out + printed.err


def test_a_store_out_of_reach_exits_with_four(monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    monkeypatch.setenv("TRADEPIT_STORE", "sqlite+aiosqlite:////proc/none/store.db")
    assert tradepit(monkeypatch, "store", "migrate") == 4
    assert "Traceback" not in capsys.readouterr().err
