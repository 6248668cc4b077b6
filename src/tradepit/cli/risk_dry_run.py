"""``tradepit risk dry-run``: which decisions of a past day another limit would have changed, from the journal of a data folder."""

from pathlib import Path

import msgspec

from tradepit.cli.exits import Exit
from tradepit.cli.loop import run
from tradepit.cli.output import fail, print_fields, print_json, print_table
from tradepit.cli.risk import limits_of
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.runtime.logs import set_up
from tradepit.services.kill_switch import kind_of
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import BadRequest, JournalCorrupted, TradepitError
from tradepit.trading.model.tick import Tick
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.dry_run import DryRun, DryRunResult
from tradepit.trading.risk.rules import load_rules
from tradepit.wire.simulator_codec import to_iso

_DECODER: msgspec.json.Decoder[facts.Fact] = msgspec.json.Decoder(facts.Fact)
_BLIND = "prices and sessions are in no journal: this rule was asked without them; --ticks names a recording"


def dry_run(
    settings: Settings,
    folder: Path | None,
    *,
    rule: str,
    limits: str,
    scope: str,
    day: int,
    ticks: Path | None,
    json: bool,
) -> int:
    """Print the difference; exit 0 when there is none, 1 when decisions would have been others."""
    if folder is not None:
        settings = msgspec.structs.replace(settings, data_dir=str(folder))
    set_up("cli-risk", level="ERROR", folder=None)
    try:
        result = run(_judged(settings, rule=rule, limits=limits, scope=scope, day=day, ticks=ticks))
    except TradepitError as error:
        return fail(error, json=json)
    if json:
        print_json(result)
    else:
        _show(result)
    return int(Exit.FINDINGS if result.differences else Exit.OK)


async def _judged(settings: Settings, *, rule: str, limits: str, scope: str, day: int, ticks: Path | None) -> DryRunResult:
    if settings.journal.startswith("file") and not (settings.folder / "journals" / "orders").exists():
        raise BadRequest("there is no journal of orders in this folder", folder=str(settings.folder)[:200])
    kind_of(scope)
    dry = DryRun(load_rules(settings.orders.risk), rule=rule, scope=scope, limits=limits_of(limits))
    wiring = Wiring(settings, process="cli-risk")
    market = iter(_ticks(wiring, ticks) if ticks is not None else ())
    waiting = next(market, None)
    journal = wiring.journal("orders")
    await journal.open()
    try:
        async for entry in journal.read(0):
            for record in entry.records:
                fact = _read(record, entry.sequence)
                while waiting is not None and waiting.time_ns <= fact.time_ns:
                    dry.see(waiting)
                    waiting = next(market, None)
                dry.fold(fact)
    finally:
        await journal.close()
    if day not in dry.days:
        raise BadRequest("no order was recorded on that trading day", day=day, recorded=", ".join(map(str, dry.days[-5:])))
    return dry.result(day)


def _read(record: bytes, sequence: int) -> facts.Fact:
    try:
        return _DECODER.decode(record)
    except msgspec.MsgspecError as error:
        raise JournalCorrupted(f"entry {sequence} cannot be read: {error}") from error


def _ticks(wiring: Wiring, path: Path) -> list[Tick]:
    """Recorded ticks in their order, at the instants of the house's own clock. Raises BadRequest, RecordingRefused."""
    from tradepit.runtime.tick_parquet import TickFile, tick_files  # noqa: PLC0415 - polars loads slowly

    if wiring.settings.exchange.time == "ticks":
        raise BadRequest("this house lived in its recording's time: its journal cannot be laid beside it")
    ahead_ns = wiring.exchange_clock().now_ns() - wiring.clock.now_ns()
    catalog = load_catalog()
    found = [
        msgspec.structs.replace(tick, time_ns=tick.time_ns - ahead_ns)
        for file in tick_files(path)
        for batch in TickFile(file, catalog).batches()
        for tick in batch.ticks
    ]
    return sorted(found, key=lambda tick: tick.time_ns)


def _show(result: DryRunResult) -> None:
    told = f"{result.orders} orders, {result.refused} refused then, {len(result.differences)} would have been decided otherwise"
    fields: dict[str, object] = {result.rule: told}
    if result.unsure:
        fields["unsure"] = f"{result.unsure} could not be judged again"
    if result.blind:
        fields["note"] = _BLIND
    print_fields(f"trading day {result.trading_day}, {result.scope}", fields)
    rows = [
        (
            to_iso(each.time_ns),
            *(each.account, each.bot, each.symbol, each.client_order_id),
            *(each.was, each.would, each.rule, each.limit, each.value),
        )
        for each in result.differences
    ]
    if rows:
        columns = ("time", "account", "bot", "symbol", "order", "was", "would be", "rule", "limit", "value")
        print_table("decisions that would have been others", columns, rows)
