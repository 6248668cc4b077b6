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
from tradepit.trading.model.errors import BadRequest, JournalCorrupted, TradepitError
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.dry_run import DryRun, DryRunResult
from tradepit.trading.risk.rules import load_rules
from tradepit.wire.simulator_codec import to_iso

_DECODER: msgspec.json.Decoder[facts.Fact] = msgspec.json.Decoder(facts.Fact)
_BLIND = "prices and sessions are in no journal: this rule was asked without them"


def dry_run(settings: Settings, folder: Path | None, *, rule: str, limits: str, scope: str, day: int, json: bool) -> int:
    """Print the difference; exit 0 when there is none, 1 when decisions would have been others."""
    if folder is not None:
        settings = msgspec.structs.replace(settings, data_dir=str(folder))
    set_up("cli-risk", level="ERROR", folder=None)
    try:
        result = run(_judged(settings, rule=rule, limits=limits, scope=scope, day=day))
    except TradepitError as error:
        return fail(error, json=json)
    if json:
        print_json(result)
    else:
        _show(result)
    return int(Exit.FINDINGS if result.differences else Exit.OK)


async def _judged(settings: Settings, *, rule: str, limits: str, scope: str, day: int) -> DryRunResult:
    if settings.journal.startswith("file") and not (settings.folder / "journals" / "orders").exists():
        raise BadRequest("there is no journal of orders in this folder", folder=str(settings.folder)[:200])
    kind_of(scope)
    dry = DryRun(load_rules(settings.orders.risk), rule=rule, scope=scope, limits=limits_of(limits))
    journal = Wiring(settings, process="cli-risk").journal("orders")
    await journal.open()
    try:
        async for entry in journal.read(0):
            for record in entry.records:
                try:
                    dry.fold(_DECODER.decode(record))
                except msgspec.MsgspecError as error:
                    raise JournalCorrupted(f"entry {entry.sequence} cannot be read: {error}") from error
    finally:
        await journal.close()
    if day not in dry.days:
        raise BadRequest("no order was recorded on that trading day", day=day, recorded=", ".join(map(str, dry.days[-5:])))
    return dry.result(day)


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
