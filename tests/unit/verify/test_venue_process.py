"""The exchange's side in a process of its own: the same result, and when it fails, read here instead."""

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tradepit.verify import UnreadableError, venue_process
from tradepit.verify.progress import nobody
from tradepit.verify.venue_process import reading
from tradepit.verify.venue_side import VenueSide, read_venue_side

if TYPE_CHECKING:
    from tests.unit.verify.conftest import Paper


@pytest.fixture
def places(traded: "Paper") -> tuple[str, str]:
    """A commands journal from which s1's is missing, and the reports journal."""
    traded.forget_command("s1")
    paths = traded.write()
    return str(paths["commands.journal"]), str(paths["reports.journal"])


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even the smallest journal is worth a process."""
    monkeypatch.setattr(venue_process, "_WORTH_BYTES", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def here(places: tuple[str, str]) -> VenueSide:
    return read_venue_side(*places, strict=True, tell=nobody)


def same(left: VenueSide, right: VenueSide) -> bool:
    return (left.commands, left.reports, left.findings.found, left.findings.in_flight) == (
        right.commands,
        right.reports,
        right.findings.found,
        right.findings.in_flight,
    )


@pytest.mark.usefixtures("always")
def test_another_process_finds_the_same_and_says_how_far_it_is(places: tuple[str, str]) -> None:
    told: list[tuple[str, int]] = []
    with reading(*places, strict=True, tell=lambda part, percent: told.append((part, percent))) as venue:
        assert venue._process is not None
        found = venue._collect()
    assert found is not None
    assert same(found, here(places))
    assert found.findings.found
    assert told == [("reports", 100), ("commands", 100)]


def test_small_journals_are_read_here(places: tuple[str, str]) -> None:
    with reading(*places, strict=True, tell=nobody) as venue:
        assert venue._process is None
        assert same(venue.result(), here(places))


@pytest.mark.usefixtures("always")
def test_one_processor_gains_nothing(places: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with reading(*places, strict=True, tell=nobody) as venue:
        assert venue._process is None


@pytest.mark.usefixtures("always")
def test_streams_are_read_here() -> None:
    with reading("nats://127.0.0.1:1/C", "nats://127.0.0.1:1/E", strict=True, tell=nobody) as venue:
        assert venue._process is None


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("program", ["import sys; sys.exit(3)", "import os; os.abort()"])
def test_a_process_that_fails_is_replaced(places: tuple[str, str], monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(venue_process, "_PROGRAM", program)
    with reading(*places, strict=True, tell=nobody) as venue:
        assert same(venue.result(), here(places))


@pytest.mark.usefixtures("always")
def test_where_no_process_can_be_started_it_is_read_here(places: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with reading(*places, strict=True, tell=nobody) as venue:
        assert same(venue.result(), here(places))


@pytest.mark.usefixtures("always")
def test_a_damaged_journal_is_named_all_the_same(places: tuple[str, str]) -> None:
    with open(places[1], "r+b") as file:  # noqa: PTH123 - a byte in the middle of it
        file.seek(60)
        file.write(b"\xff")
    with reading(*places, strict=True, tell=nobody) as venue, pytest.raises(UnreadableError) as error:
        venue.result()
    assert error.value.location == places[1]


@pytest.mark.usefixtures("always")
def test_a_process_nobody_waits_for_is_ended(places: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venue_process, "_PROGRAM", "import time; time.sleep(60)")
    with reading(*places, strict=True, tell=nobody) as venue:
        process = venue._process
    assert process is not None
    assert process.returncode == -9


def test_the_program_itself(places: tuple[str, str], capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert venue_process.main("nowhere", "nowhere", "") == 2
    assert venue_process.main(*places, "strict") == 0
    assert capsysbinary.readouterr().err == b"reports 100\ncommands 100\n"
