"""``tradepit backtest``: one run with its report, or a sweep over parameters."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from tradepit.bots.backtest.engine import Backtest
from tradepit.bots.backtest.recording import read_recording
from tradepit.bots.backtest.report_files import summary, write_report, write_sweep
from tradepit.bots.backtest.result import BacktestResult
from tradepit.bots.backtest.settings import BacktestSettings
from tradepit.bots.backtest.sweep import SweepJob, SweepRow, combinations, run_sweep
from tradepit.bots.live.seat import read_config
from tradepit.bots.loading import check_config, load_bot
from tradepit.cli.assignments import assignments, pairs, value_of
from tradepit.cli.exits import Exit
from tradepit.cli.output import print_fields, print_json, print_table
from tradepit.config import Settings
from tradepit.runtime.logs import set_up
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import BadRequest, ConfigError, Unavailable

_SHOWN = 30
_COLUMNS = ("net_profit", "max_drawdown", "orders", "fills", "round_trips", "winners", "fees")


def run_backtest(
    bot: str,
    *,
    ticks: Sequence[Path],
    params: Sequence[str],
    sweep: Sequence[str],
    mount: Path | None,
    settings: BacktestSettings,
    report: Path | None,
    workers: int,
    json: bool,
) -> int:
    """Exit 0; 1 when the bot raised exceptions or was paused, or runs of a sweep failed. Raises what the parts raise."""
    set_up("backtest", level="WARNING", folder=None)
    given = assignments(params)
    swept = {name: _listed(text) for name, text in pairs(sweep)}
    twice = sorted(set(given) & set(swept))
    if twice:
        raise BadRequest("A parameter is either given or swept.", param=twice[0])
    if mount is not None:
        given = {name: value for name, value in read_config(mount / "config.json").items() if name not in swept} | given
    # What a bot prints must not get between the figures of a program that reads them.
    with redirect_stdout(sys.stderr):
        bot_class = load_bot(bot)
    if swept:
        return _sweep(bot, ticks, combinations(given, swept), settings, report, workers, json=json)
    check_config(bot_class, given)
    catalog = load_catalog()
    recording = read_recording(ticks, catalog)
    with redirect_stdout(sys.stderr), _progress("ticks") as tell:
        result = Backtest(bot_class, given, recording, settings, catalog).run(tell)
    files = _written(lambda: write_report(result, report)) if report is not None else []
    if json:
        print_json(summary(result) | {"files": [str(file) for file in files]})
    else:
        _show(result, files)
    return int(Exit.OK if result.sound else Exit.FINDINGS)


def settings_from(house: Settings | None, *, account: str, deposit: str, seed: int, latency_ms: float) -> BacktestSettings:
    """The backtest's settings: risk limits and venue of a house when one is given. Raises ConfigError, BadRequest."""
    fields: dict[str, Any] = {"account": account, "seed": seed, "latency_ms": latency_ms}
    try:
        fields["deposit"] = Decimal(deposit)
    except InvalidOperation as error:
        raise BadRequest("The deposit is an amount of money.", deposit=deposit[:40]) from error
    if house is not None:
        fields["risk"] = house.orders.risk
        fields["venue"] = msgspec.structs.replace(house.exchange.gateway.venue, snapshot_ns=0)
    try:
        # Built from checked values, and converted once more for the ranges in its annotations.
        return msgspec.convert(msgspec.to_builtins(BacktestSettings(**fields)), BacktestSettings)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(str(error)) from error


def _sweep(
    bot: str,
    ticks: Sequence[Path],
    params: list[dict[str, Any]],
    settings: BacktestSettings,
    report: Path | None,
    workers: int,
    *,
    json: bool,
) -> int:
    # What is wrong with the files is wrong for all runs.
    read_recording(ticks, load_catalog())
    job = SweepJob(bot=bot, paths=tuple(str(path) for path in ticks), settings=settings)
    with _progress("runs") as tell:
        rows = run_sweep(job, params, workers=workers, tell=lambda done: tell(done, len(params)))
    told = [msgspec.to_builtins(row) for row in rows]
    files = [_written(lambda: write_sweep(told, report))] if report is not None else []
    if json:
        print_json({"runs": told, "files": [str(file) for file in files]})
    else:
        _show_sweep(rows, files)
    return int(Exit.OK if all(row.sound for row in rows) else Exit.FINDINGS)


def _written(write: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the writer returns
    try:
        return write()
    except OSError as error:
        raise Unavailable("The report cannot be written.", error=str(error)[:200]) from error


def _listed(text: str) -> list[Any]:
    values = [value_of(part) for part in text.split(",") if part]
    if not values:
        raise BadRequest("A swept parameter has values: name=1,2,3.", values=text[:60])
    return values


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, where a terminal shows it."""
    console = Console(file=sys.stderr)
    columns = (f"[dim]{what}[/dim]", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _show(result: BacktestResult, files: Sequence[Path]) -> None:
    told = msgspec.to_builtins(result.statistics)
    told |= {"refusals": result.host["refusals"] or "none", "exceptions": result.host["exceptions"]}
    if result.host["last_error"]:
        told["last error"] = result.host["last_error"]
    if result.refused_rows or result.refused_ticks:
        told["rows not used"] = {**result.refused_rows, **result.refused_ticks}
    print_fields(f"{result.bot} · {result.ticks:,} ticks · {result.currency}", told)
    sys.stdout.write(f"digest {result.digest}\n")
    for file in files:
        sys.stdout.write(f"{file}\n")


def _show_sweep(rows: Sequence[SweepRow], files: Sequence[Path]) -> None:
    good = sorted((row for row in rows if not row.error), key=lambda row: -float(row.statistics["net_profit"]))
    bad = [row for row in rows if row.error]
    shown = [(_words(row.params), *(row.statistics[name] for name in _COLUMNS)) for row in good[:_SHOWN]]
    print_table(f"{len(rows)} runs, best first", ("parameters", *_COLUMNS), shown)
    if bad:
        print_table(
            f"{len(bad)} failed", ("parameters", "error", ""), [(_words(row.params), row.error, row.message) for row in bad]
        )
    for file in files:
        sys.stdout.write(f"{file}\n")


def _words(params: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in params.items())
