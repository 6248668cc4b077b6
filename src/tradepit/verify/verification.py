"""The verification itself: read three journals and the clients' logs, compare everything with everything, give the verdict."""

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tradepit.verify.client_check import ClientCheck
from tradepit.verify.entries import Entry, UnreadableError
from tradepit.verify.fates import fates
from tradepit.verify.file_journal import read_file
from tradepit.verify.findings import Findings, Key
from tradepit.verify.intent_logs import Client, read_intent_logs
from tradepit.verify.jetstream_journal import read_stream
from tradepit.verify.order_facts import OrderFacts, read_order_facts
from tradepit.verify.path_check import PathCheck
from tradepit.verify.public_streams import check_streams
from tradepit.verify.venue_check import VenueCheck
from tradepit.verify.venue_commands import VenueCommands, read_venue_commands
from tradepit.verify.venue_reports import VenueReports, read_venue_reports
from tradepit.verify.verdict import Verdict


@contextmanager
def _no_collector() -> Iterator[None]:
    """Reading makes millions of objects and no cycle: looking for cycles again and again would double the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_no_collector()
def run(
    *,
    orders: str,
    commands: str,
    reports: str,
    intents: Sequence[str] = (),
    external_accounts: Sequence[str] = (),
    streams: Sequence[str] = (),
    strict: bool = False,
) -> Verdict:
    """Verify a stopped (or quiet) house. Raises UnreadableError (exit code 2) when a journal is missing or damaged.

    ``orders``, ``commands`` and ``reports`` are order management's journal and the exchange's two: ``file:///path`` (or a path)
    or ``nats://host:port/STREAM``. ``intents`` are the clients' logs, ``streams`` JetStream streams with the public events.
    ``external_accounts`` trade at the exchange without order management. ``strict``: the house was at rest, so nothing may be
    under way any more; without it, what a kill interrupted counts as in flight as long as a restart would finish it.
    """
    findings = Findings()
    clients = read_intent_logs(intents, {})
    facts = read_order_facts(read_entries(orders), orders, findings)
    told = read_venue_reports(read_entries(reports), reports, findings)
    heard = read_venue_commands(read_entries(commands), commands, findings)
    VenueCheck(heard, told, findings, strict=strict).run()
    PathCheck(facts, heard, told, findings, external=frozenset(external_accounts), strict=strict).run()
    ClientCheck(clients, facts, heard, told, findings, strict=strict).run()
    if streams:
        check_streams(streams, read_entries(reports), facts.tick_sizes, findings, strict=strict)
    return _verdict(clients, facts, heard, told, findings)


def read_entries(location: str) -> Iterator[Entry]:
    """The entries of a journal wherever it is. Raises UnreadableError."""
    if location.startswith(("nats://", "tls://")):
        return read_stream(location)
    return read_file(_path(location))


def _path(location: str) -> Path:
    path = Path(unquote(urlsplit(location).path)) if location.startswith("file:") else Path(location)
    if not path.is_dir():
        return path
    inside = [
        file for file in sorted(path.iterdir()) if file.is_file() and not {"snapshot", "writing"} & set(file.name.split("."))
    ]
    if len(inside) != 1:
        raise UnreadableError(str(path), 0, f"a folder with {len(inside)} files that may be the journal: name one")
    return inside[0]


def _verdict(
    clients: dict[Key, Client], facts: OrderFacts, heard: VenueCommands, told: VenueReports, findings: Findings
) -> Verdict:
    counts: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    partly = 0
    for _, (fate, code), lots in fates(clients, facts, heard, told):
        counts[fate] += 1
        codes[f"{fate}({code})"] += bool(code)
        partly += bool(lots) and fate in ("CANCELLED", "EXPIRED")
    return Verdict(
        intents=counts.total(),
        fates=dict(counts),
        codes={code: count for code, count in codes.items() if count},
        cancelled_with_trades=partly,
        in_flight=len(findings.in_flight),
        fills_ours=sum(fill.volume_lots for fill in facts.fills.values()),
        fills_venue=sum(fill.volume_lots for fill in told.fills.values() if fill.sequence <= facts.through),
        stale_commands=heard.stale,
        epochs=facts.terms,
        entries={"orders": facts.entries, "commands": heard.entries, "reports": told.entries},
        findings=tuple(findings.found),
    )
