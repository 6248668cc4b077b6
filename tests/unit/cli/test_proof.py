"""The proof of a stopped house."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from tests.order_path import Office, an_intent

from tradepit import verify
from tradepit.backends.journal.file import FileJournal
from tradepit.cli.house import JOURNAL_FOLDER
from tradepit.cli.proof import judge, prove


def test_without_journals_nothing_is_proven(tmp_path: Path) -> None:
    proof = prove(tmp_path)
    assert (proof.clean, proof.exit_code) == (False, 2)
    assert proof.line.startswith("not verified: ")
    with pytest.raises(verify.UnreadableError):
        judge(tmp_path)


async def _write(folder: Path, name: str, records: list[bytes]) -> None:
    journal = FileJournal(folder / JOURNAL_FOLDER / name, sync="os")
    await journal.open()
    if records:
        await journal.append(records, expected=0, epoch=1)
    await journal.close()


async def _played(folder: Path, *, lose: bool) -> None:
    """An order path's journal with one order, and a venue's that may know nothing of it."""
    office = Office()
    leader = await office.leader()
    await leader.submit(an_intent())
    await leader.write()
    await leader.stop()
    records = [record for entry in office.store.entries for record in entry.records]
    await _write(folder, "orders", records)
    await _write(folder, "commands", [])
    await _write(folder, "events", [] if lose else [msgspec.json.encode(report) for report in office.venue.reports])


def test_an_order_the_venue_knows_nothing_of_is_a_finding(tmp_path: Path) -> None:
    asyncio.run(_played(tmp_path, lose=True))
    proof = prove(tmp_path)
    assert (proof.clean, proof.exit_code, proof.intents) == (False, 1, 1)
    assert proof.findings
    assert proof.lost + proof.duplicated + proof.unexplained >= 1
