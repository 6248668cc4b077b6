"""All reports there have been: the newest in memory, all of them in the events journal, numbered from 1 without gaps."""

from bisect import bisect_right

from tradepit.ports.journal import Entry, Journal
from tradepit.trading.model.errors import JournalCorrupted

_STRIDE = 1_000


class ReportLog:
    """Encoded reports by number. Mutable.

    ``written`` is the number of the last report known to be in the events journal, ``last`` the newest there is.
    """

    def __init__(self, journal: Journal, *, keep: int) -> None:
        self._journal = journal
        self._keep = keep
        self._records: list[bytes] = []
        self._before_first = 0
        # Every so many reports: the number before an entry's first report, and the entry before it, where a search begins.
        self._marks: list[tuple[int, int]] = []
        self.written = 0
        self.entry = 0

    @property
    def last(self) -> int:
        """The newest report's number."""
        return self._before_first + len(self._records)

    def add(self, record: bytes) -> None:
        """The next report."""
        self._records.append(record)
        if len(self._records) > 2 * self._keep:
            del self._records[: self._keep]
            self._before_first += self._keep

    def wrote(self, entry: int, count: int) -> None:
        """``count`` more reports are in the events journal, as its entry number ``entry``."""
        if not self._marks or self.written - self._marks[-1][0] >= _STRIDE:
            self._marks.append((self.written, entry - 1))
        self.written += count
        self.entry = entry

    async def catch_up(self) -> None:
        """Take over what the events journal has beyond ``entry``; reports already added are compared. Raises JournalCorrupted."""
        async for entry in self._journal.read(self.entry):
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        number = self.written
        for record in entry.records:
            number += 1
            if number > self.last:
                self.add(record)
            else:
                self.check(number, record)
        self.wrote(entry.sequence, len(entry.records))

    def check(self, number: int, record: bytes) -> None:
        """A report was made a second time: it must be the same. Raises JournalCorrupted when replay gave something else."""
        index = number - self._before_first - 1
        if index >= 0 and self._records[index] != record:
            raise JournalCorrupted("replay of the commands gives other reports than were told", report=number)

    async def read(self, after: int, limit: int, max_bytes: int) -> list[bytes]:
        """Reports numbered above ``after``, in order, at most ``limit`` and ``max_bytes`` (but one at least, if there is one)."""
        if after >= self._before_first:
            begin = after - self._before_first
            return _bounded(self._records[begin : begin + limit], max_bytes)
        return _bounded(await self._read_journal(after, limit), max_bytes)

    async def _read_journal(self, after: int, limit: int) -> list[bytes]:
        number, entry_before = self._marks[max(0, bisect_right(self._marks, (after, 2**63)) - 1)]
        found: list[bytes] = []
        async for entry in self._journal.read(entry_before):
            for record in entry.records:
                number += 1
                if number > after:
                    found.append(record)
            if len(found) >= limit:
                break
        return found[:limit]


def _bounded(records: list[bytes], max_bytes: int) -> list[bytes]:
    size = 0
    for count, record in enumerate(records):
        size += len(record) + 1
        if size > max_bytes and count:
            return records[:count]
    return records
