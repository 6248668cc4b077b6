"""``tradepit parity``: a live session's journals through the backtester, fill by fill."""

import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import msgspec

from tradepit import verify
from tradepit.bots.backtest.parity import Parity, Session, compare
from tradepit.cli.exits import Exit
from tradepit.cli.output import print_fields, print_json, print_table
from tradepit.cli.proof import journals_of, settings_in
from tradepit.services.gateway_machine import read_founding
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.matching.commands import Stamped
from tradepit.trading.model.errors import JournalCorrupted
from tradepit.trading.model.trade import Trade
from tradepit.trading.orders.events import Fact
from tradepit.trading.risk.rules import load_rules
from tradepit.verify.locations import read_entries
from tradepit.verify.progress import unwatched
from tradepit.wire.gateway import read_report

_SHOWN = 20
_FACT: "msgspec.json.Decoder[Fact]" = msgspec.json.Decoder(Fact)
_STAMPED = msgspec.json.Decoder(Stamped)


def run_parity(folder: Path, *, json: bool) -> int:
    """Exit 0 the same fills, 1 others, 2 a journal is missing or cannot be read. Raises ConfigError."""
    try:
        with journals_of(folder) as journals:
            found = _play(folder, journals)
    except (verify.UnreadableError, msgspec.MsgspecError, JournalCorrupted) as error:
        sys.stderr.write(f"JOURNAL_UNREADABLE: {error}\n")
        return int(Exit.USAGE)
    if json:
        print_json(msgspec.to_builtins(found) | {"same": found.same})
    else:
        _show(found)
    return int(Exit.OK if found.same else Exit.FINDINGS)


def _play(folder: Path, journals: dict[str, str]) -> Parity:
    commands = _records(journals["commands"])
    founding = next(commands, None)
    if founding is None:
        raise verify.UnreadableError(journals["commands"], 0, "the exchange never began")
    settings = settings_in(folder)
    rules, ticks_drive = load_rules(settings.orders.risk), settings.exchange.time == "ticks"
    facts = (_FACT.decode(record) for record in _records(journals["orders"]))
    session = Session(read_founding(founding), load_calendar(), rules, facts, driven_by_ticks=ticks_drive)
    session.play(_STAMPED.decode(record) for record in commands)
    return compare(session, (read_report(record) for record in _records(journals["events"])))


def _records(location: str) -> Iterator[bytes]:
    return chain.from_iterable(entry.records for entry in read_entries(location, unwatched))


def _show(found: Parity) -> None:
    fields = {name: getattr(found, name) for name in ("fills", "orders", "refused", "ticks", "unreviewed", "digest")}
    fields |= {"fills that differ": len(found.differences), "verdicts that differ": len(found.verdicts)}
    print_fields("the same fills" if found.same else "not the same fills", fields)
    if found.differences:
        rows = [(one.number, _told(one.live), _told(one.replayed)) for one in found.differences[:_SHOWN]]
        print_table("fills", ("", "live", "replayed"), rows)
    if found.verdicts:
        told = [(one.account, one.client_order_id, one.live or "approved", one.replayed or "approved") for one in found.verdicts]
        print_table("verdicts of the review that differ", ("account", "order", "live", "replayed"), told[:_SHOWN])


def _told(trade: Trade | None) -> str:
    if trade is None:
        return "–"
    return (
        f"{trade.trade_id} {trade.account} {trade.side.value} {trade.volume_lots} @ {trade.price_ticks} {trade.client_order_id}"
    )
