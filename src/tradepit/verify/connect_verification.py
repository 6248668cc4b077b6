"""The verification of a broker connect at rest: the engine's log, the tables and the dead letters against the exchange's journal."""

from collections.abc import Sequence
from dataclasses import dataclass

from tradepit.verify.connect_check import FATES, ConnectCheck
from tradepit.verify.connect_facts import Outside, read_published
from tradepit.verify.connect_rows import read_rows
from tradepit.verify.findings import Finding, Findings, Kind
from tradepit.verify.locations import read_entries
from tradepit.verify.order_facts import read_order_facts
from tradepit.verify.progress import unwatched
from tradepit.verify.venue_reports import read_venue_reports

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class ConnectVerdict:
    """``fates`` counts published orders by what became of them, ``codes`` refusals and dead letters by code."""

    orders: int
    fates: dict[str, int]
    codes: dict[str, int]
    net_positions: dict[str, int]
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 when nothing was found, else 1."""
        return 1 if self.findings else 0

    @property
    def summary(self) -> str:
        """The line everything ends with."""
        lost, twice, strange = (sum(finding.kind is kind for finding in self.findings) for kind in Kind)
        return f"lost {lost} · duplicated {twice} · unexplained {strange} (n = {self.orders})"


def run_connect(
    *, published: Sequence[str], rows: str, orders: str, reports: str, account: str, portfolio_id: str
) -> ConnectVerdict:
    """Verify. Raises UnreadableError.

    ``published`` are the engine's logs, ``rows`` the URL of the tables, ``orders`` and ``reports`` order management's and the
    exchange's journals, ``account`` the one that trades for the portfolio.
    """
    findings, outside = Findings(), Outside()
    read_published(published, outside)
    read_rows(rows, outside)
    sizes = read_order_facts(read_entries(orders, unwatched), orders, Findings()).tick_sizes
    venue = read_venue_reports(read_entries(reports, unwatched), reports, findings)
    check = ConnectCheck(outside, venue, sizes, findings, account=account, portfolio_id=portfolio_id)
    check.run()
    return ConnectVerdict(
        orders=check.fates.total(),
        fates=dict(check.fates),
        codes=dict(check.codes),
        net_positions=check.net_positions(),
        findings=tuple(findings.found),
    )


def render_connect(verdict: ConnectVerdict) -> str:
    """The verdict as text, the summary as last line."""
    lines = ["fate              orders"]
    lines += [f"{fate:<15}{verdict.fates.get(fate, 0):>9}" for fate in FATES]
    lines += [f"  {code:<30}{count:>8}" for code, count in sorted(verdict.codes.items(), key=lambda item: (-item[1], item[0]))]
    for finding in verdict.findings[:_SHOWN]:
        lines.append(f"{finding.kind:<12}{finding.code:<22}{finding.key.client_order_id or '-'}  {finding.text}")
    lines += [f"… {len(verdict.findings) - _SHOWN} more"] if len(verdict.findings) > _SHOWN else []
    return "\n".join([*lines, verdict.summary])
