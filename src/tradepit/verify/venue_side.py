"""The exchange's side of the story: both of its journals read, and judged against each other."""

from typing import NamedTuple

from tradepit.verify.findings import Findings
from tradepit.verify.locations import read_entries
from tradepit.verify.progress import Told, watch
from tradepit.verify.venue_check import VenueCheck
from tradepit.verify.venue_commands import VenueCommands, read_venue_commands
from tradepit.verify.venue_reports import VenueReports, read_venue_reports


class VenueSide(NamedTuple):
    """What the exchange was told, what it told, and what was found in both."""

    commands: VenueCommands
    reports: VenueReports
    findings: Findings


def read_venue_side(commands: str, reports: str, *, strict: bool, tell: Told) -> VenueSide:
    """Read and judge the exchange's journals. Raises UnreadableError."""
    findings = Findings()
    told = read_venue_reports(read_entries(reports, watch("reports", tell)), reports, findings)
    heard = read_venue_commands(read_entries(commands, watch("commands", tell)), commands, findings)
    VenueCheck(heard, told, findings, strict=strict).run()
    return VenueSide(heard, told, findings)
