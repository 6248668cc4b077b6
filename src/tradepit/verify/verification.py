"""The verification itself: read three journals and the clients' logs, compare everything with everything, give the verdict."""

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tradepit.verify.client_check import ClientCheck
from tradepit.verify.fates import fates
from tradepit.verify.findings import Findings, Key
from tradepit.verify.intent_logs import Client, read_intent_logs
from tradepit.verify.locations import read_entries
from tradepit.verify.order_facts import OrderFacts, read_order_facts
from tradepit.verify.path_check import PathCheck
from tradepit.verify.progress import Told, nobody, watch
from tradepit.verify.public_streams import check_streams
from tradepit.verify.venue_commands import VenueCommands
from tradepit.verify.venue_process import reading
from tradepit.verify.venue_reports import VenueReports
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
    tell: Told = nobody,
) -> Verdict:
    """Verify a stopped (or quiet) house. Raises UnreadableError (exit code 2) when a journal is missing or damaged.

    ``orders``, ``commands`` and ``reports`` are order management's journal and the exchange's two: ``file:///path`` (or a path)
    or ``nats://host:port/STREAM``. ``intents`` are the clients' logs, ``streams`` JetStream streams with the public events.
    ``external_accounts`` trade at the exchange without order management. ``strict``: the house was at rest, so nothing may be
    under way any more; without it, what a kill interrupted counts as in flight as long as a restart would finish it.
    ``tell`` hears how far each part has come, from any thread.
    """
    findings = Findings()
    with reading(commands, reports, strict=strict, tell=tell) as venue:
        clients = read_intent_logs(intents, {}, watch("intents", tell))
        facts = read_order_facts(read_entries(orders, watch("orders", tell)), orders, findings)
        heard, told, seen = venue.result()
    findings.add(seen)
    PathCheck(facts, heard, told, findings, external=frozenset(external_accounts), strict=strict).run()
    ClientCheck(clients, facts, heard, told, findings, strict=strict).run()
    if streams:
        check_streams(streams, read_entries(reports, watch("streams", tell)), facts.tick_sizes, findings, strict=strict)
    return _verdict(clients, facts, heard, told, findings)


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
