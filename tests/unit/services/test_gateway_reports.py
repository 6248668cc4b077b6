"""The report log: reports in memory and from their journal, by number."""

from typing import TYPE_CHECKING

import pytest

from tradepit.backends.journal.memory import MemoryJournal
from tradepit.services.gateway_reports import ReportLog
from tradepit.trading.model.errors import JournalCorrupted

if TYPE_CHECKING:
    from tests.unit.services.conftest import House


async def test_reports_older_than_memory_come_from_their_journal(house: "House") -> None:
    gateway = await house.start(reports_in_memory=5)
    await house.trade()
    await house.settled(gateway)
    assert gateway._log._before_first > 0
    reports = await house.collect(gateway.machine.last_report)
    assert [report.sequence for report in reports] == list(range(1, gateway.machine.last_report + 1))
    page = await house.ask("reports", {"after": 2, "limit": 3})
    assert [report["sequence"] for report in page["reports"]] == [3, 4, 5]
    assert page["last"] == gateway.machine.last_report


async def log_of(*entries: int) -> ReportLog:
    """A log over a journal whose entries hold so many reports; 4 at least are kept in memory."""
    journal = MemoryJournal()
    await journal.open()
    number = 0
    for sequence, count in enumerate(entries):
        await journal.append([b"%d" % (number + i + 1) for i in range(count)], expected=sequence, epoch=1)
        number += count
    log = ReportLog(journal, keep=4)
    await log.catch_up()
    return log


async def test_any_page_can_be_read_from_memory_or_journal() -> None:
    log = await log_of(1, 3, 2, 5, 1, 1, 4)
    assert (log.last, log.written, log.entry) == (17, 17, 7)
    for after in range(19):
        for limit in (1, 2, 5, 100):
            expected = [b"%d" % number for number in range(after + 1, min(after + limit, 17) + 1)]
            assert await log.read(after, limit, 10**6) == expected


async def test_a_page_is_bounded_in_bytes_but_never_empty() -> None:
    log = await log_of(3)
    assert await log.read(0, 10, 5) == [b"1", b"2"]
    assert await log.read(0, 10, 1) == [b"1"]


async def test_a_report_made_again_must_be_the_same() -> None:
    log = await log_of(3)
    log.check(2, b"2")
    with pytest.raises(JournalCorrupted):
        log.check(2, b"3")
