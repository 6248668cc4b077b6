"""The exchange's side: both journals read, and what is wrong between them."""

from typing import TYPE_CHECKING

from tradepit.verify.venue_side import read_venue_side

if TYPE_CHECKING:
    from tests.unit.verify.conftest import Paper


def test_both_journals_are_read_and_judged(traded: "Paper") -> None:
    told: list[tuple[str, int]] = []
    traded.forget_command("s1")
    paths = traded.write()
    side = read_venue_side(
        str(paths["commands.journal"]),
        str(paths["reports.journal"]),
        strict=True,
        tell=lambda part, percent: told.append((part, percent)),
    )
    assert [key.client_order_id for key in side.reports.orders] == ["b1", "s1"]
    assert [key.client_order_id for key in side.commands.orders] == ["b1"]
    assert [(finding.code, finding.key.client_order_id) for finding in side.findings.found] == [("ORDER_OF_NO_COMMAND", "s1")]
    assert told == [("reports", 100), ("commands", 100)]
