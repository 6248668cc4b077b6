"""Entries that are out of order, and writers whose epoch falls."""

import pytest

from tradepit.verify.entries import Entry
from tradepit.verify.findings import Findings, Kind
from tradepit.verify.order_of_entries import EntryOrder


@pytest.mark.parametrize(
    ("entries", "codes"),
    [
        ([(1, 1), (2, 1), (3, 4)], []),
        ([(1, 2), (2, 1)], ["EPOCH_FELL"]),
        ([(1, 1), (3, 1)], ["ENTRY_OUT_OF_ORDER"]),
        ([(2, 1)], ["ENTRY_OUT_OF_ORDER"]),
        ([(1, 1), (2, 1), (2, 1), (3, 1)], ["ENTRY_OUT_OF_ORDER"]),
        ([(1, 3), (3, 1), (2, 3)], ["ENTRY_OUT_OF_ORDER", "EPOCH_FELL", "ENTRY_OUT_OF_ORDER"]),
    ],
)
def test_each_entry_out_of_order_is_unexplained(entries: list[tuple[int, int]], codes: list[str]) -> None:
    findings = Findings()
    order = EntryOrder("orders", findings)
    for sequence, epoch in entries:
        order.check(Entry(sequence, epoch, ()))
    assert [finding.code for finding in findings.found] == codes
    assert all(finding.kind is Kind.UNEXPLAINED and finding.evidence for finding in findings.found)
    assert order.last == max(sequence for sequence, _ in entries)
