"""``tradepit risk dry-run`` reads the journal of a data folder, tells what would have differed, and writes nothing."""

import json
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from tests.property.test_dry_run import Recorded

from tradepit.backends.journal.file import FileJournal
from tradepit.cli.main import app

Printed = pytest.CaptureFixture[str]


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    journal = FileJournal(tmp_path / "house" / "journals" / "orders", sync="os")
    await journal.open()
    last = 0
    for fact in Recorded(3).journal:
        last = await journal.append([msgspec.json.encode(fact)], expected=last, epoch=1)
    await journal.close()
    (tmp_path / "house.yaml").write_text("orders: {risk: {order_size: {max_lots: 7}, bot_lots: {policy: refuse}}}\n")
    return tmp_path


def dry_run(folder: Path, *words: str) -> int:
    command = ["risk", "dry-run", str(folder / "house"), "--config", str(folder / "house.yaml"), *words]
    return int(app(command, result_action="return_value"))


def content(folder: Path) -> dict[str, str]:
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def test_it_tells_what_would_have_differed_and_writes_nothing(folder: Path, capsys: Printed) -> None:
    before = content(folder)
    assert dry_run(folder, "--rule", "order_size", "--limits", '{"max_lots": 7}', "--day", "20250103", "--json") == 0
    same = json.loads(capsys.readouterr().out)
    assert (same["rule"], same["trading_day"], same["differences"]) == ("order_size", 20250103, [])
    assert same["orders"] > 5
    assert dry_run(folder, "--rule", "order_size", "--limits", '{"max_lots": 2}', "--day", "20250103", "--json") == 1
    told = json.loads(capsys.readouterr().out)["differences"]
    assert {(each["was"], each["would"], each["limit"]) for each in told} >= {("accepted", "QUANTITY_EXCEEDS_MAXIMUM", "2")}
    assert dry_run(folder, "--rule", "order_size", "--limits", '{"max_lots": 2}', "--day", "20250103") == 1
    assert "QUANT" in capsys.readouterr().out
    assert dry_run(folder, "--rule", "collar", "--limits", "{}", "--day", "20250103") == 0
    assert "in no journal" in capsys.readouterr().out
    assert content(folder) == before


@pytest.mark.parametrize(
    "words",
    [
        ("--rule", "nothing", "--limits", "{}", "--day", "20250103"),
        ("--rule", "order_size", "--limits", "5", "--day", "20250103"),
        ("--rule", "order_size", "--limits", "{}", "--day", "19990101"),
        ("--rule", "order_size", "--limits", "{}", "--day", "20250103", "--scope", "everything"),
    ],
)
def test_what_cannot_be_judged_is_refused(words: tuple[str, ...], folder: Path) -> None:
    assert dry_run(folder, *words) == 2


def test_a_recording_that_cannot_be_laid_beside_it_is_refused(folder: Path) -> None:
    words = ("--rule", "collar", "--limits", "{}", "--day", "20250103", "--ticks")
    assert dry_run(folder, *words, str(folder / "none.parquet")) == 3
    assert dry_run(folder, *words, str(folder / "house.yaml")) == 3
    with (folder / "house.yaml").open("a") as settings:
        settings.write("exchange: {time: ticks}\n")
    assert dry_run(folder, *words, str(folder / "house.yaml")) == 2


def test_a_folder_without_a_journal_stays_as_it_is(tmp_path: Path) -> None:
    command = ["risk", "dry-run", str(tmp_path / "none"), "--rule", "margin", "--limits", "{}", "--day", "20250103"]
    (tmp_path / "x.yaml").write_text("{}")
    assert int(app([*command, "--config", str(tmp_path / "x.yaml")], result_action="return_value")) == 2
    assert not (tmp_path / "none").exists()


def test_a_damaged_journal_is_named(folder: Path) -> None:
    [path] = [path for path in (folder / "house" / "journals").rglob("*") if path.is_file() and path.stat().st_size > 1000]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    assert dry_run(folder, "--rule", "order_size", "--limits", "{}", "--day", "20250103") == 1
