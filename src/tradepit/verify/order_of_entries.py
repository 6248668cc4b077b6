"""Entries of a journal are numbered from 1 without gaps, and the epochs of their writers never fall."""

from tradepit.verify.entries import Entry
from tradepit.verify.findings import NOBODY, Findings


class EntryOrder:
    """Told every entry in the order read; reports each one that is out of order, once."""

    __slots__ = ("_epoch", "_findings", "_journal", "last")

    def __init__(self, journal: str, findings: Findings) -> None:
        self._journal, self._findings = journal, findings
        self.last = self._epoch = 0

    def check(self, entry: Entry) -> None:
        """Judge one entry. ``last`` is the highest number seen."""
        if entry.sequence == self.last + 1 and entry.epoch >= self._epoch:
            self.last, self._epoch = entry.sequence, entry.epoch
            return
        here = (f"{self._journal}#{entry.sequence}",)
        if entry.sequence != self.last + 1:
            text = f"{self._journal}: entry {entry.sequence} follows entry {self.last}"
            self._findings.unexplained("ENTRY_OUT_OF_ORDER", NOBODY, text, here)
        if entry.epoch < self._epoch:
            text = f"{self._journal}: entry {entry.sequence} is of epoch {entry.epoch}, the one before of {self._epoch}"
            self._findings.unexplained("EPOCH_FELL", NOBODY, text, here)
        self.last, self._epoch = max(self.last, entry.sequence), max(self._epoch, entry.epoch)
