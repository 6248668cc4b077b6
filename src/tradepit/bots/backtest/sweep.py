"""Many backtests of one bot over one recording, on all cores: one run that fails, or dies, fails alone."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import msgspec

from tradepit.bots.backtest.engine import Backtest
from tradepit.bots.backtest.recording import read_recording
from tradepit.bots.backtest.report_files import summary
from tradepit.bots.backtest.settings import BacktestSettings
from tradepit.bots.loading import load_bot
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import BadRequest, TradepitError

MAX_RUNS = 100_000


class SweepRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run: its parameters, and its figures or the code of what went wrong (RUN_DIED when its process ended)."""

    params: dict[str, Any]
    error: str = ""
    message: str = ""
    digest: str = ""
    sound: bool = False
    statistics: dict[str, Any] = {}


class SweepJob(msgspec.Struct, frozen=True, kw_only=True):
    """What every worker needs to know once."""

    bot: str
    paths: tuple[str, ...]
    settings: BacktestSettings


def combinations(params: Mapping[str, Any], swept: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """All parameter sets, the last name changing fastest. Raises BadRequest for too many."""
    count = 1
    for values in swept.values():
        count *= len(values)
    if count > MAX_RUNS:
        raise BadRequest("The sweep has too many runs.", runs=count, most=MAX_RUNS)
    return [dict(params) | dict(zip(swept, values, strict=True)) for values in product(*swept.values())]


def run_sweep(
    job: SweepJob, params: Sequence[Mapping[str, Any]], *, workers: int = 0, tell: Callable[[int], None] = lambda _: None
) -> list[SweepRow]:
    """All runs, rows in the order of ``params``; ``tell`` hears how many are done. ``workers`` 0: one for each processor."""
    rows: list[SweepRow | None] = [None] * len(params)
    waiting = iter(enumerate(params))
    crew: dict[Connection, tuple[SpawnProcess, int]] = {}
    done = 0
    try:
        for _ in range(min(workers or os.cpu_count() or 1, len(params))):
            _engage(job, waiting, crew)
        while crew:
            for line in wait(list(crew)):
                assert isinstance(line, Connection)  # noqa: S101 - only connections were waited for
                process, number = crew.pop(line)
                row = _heard(line)
                alive = row is not None
                rows[number] = row or SweepRow(params=dict(params[number]), error="RUN_DIED", message="The run's process ended.")
                done += 1
                tell(done)
                if alive and (following := next(waiting, None)) is not None:
                    line.send(dict(following[1]))
                    crew[line] = (process, following[0])
                else:
                    _dismiss(line, process)
                    if not alive:
                        _engage(job, waiting, crew)
    finally:
        for line, (process, _) in crew.items():
            process.terminate()
            _dismiss(line, process)
    return [row for row in rows if row is not None]


def _engage(
    job: SweepJob, waiting: Iterator[tuple[int, Mapping[str, Any]]], crew: dict[Connection, tuple[SpawnProcess, int]]
) -> None:
    """A new worker with the next run, if there is one."""
    following = next(waiting, None)
    if following is None:
        return
    context = multiprocessing.get_context("spawn")
    line, far_end = context.Pipe()
    process = context.Process(target=_work, args=(far_end, job), daemon=True)
    process.start()
    far_end.close()
    line.send(dict(following[1]))
    crew[line] = (process, following[0])


def _heard(line: Connection) -> SweepRow | None:
    try:
        row = line.recv()
    except (EOFError, OSError):
        return None
    return row if isinstance(row, SweepRow) else None


def _dismiss(line: Connection, process: SpawnProcess) -> None:
    line.close()
    process.join()


def _work(line: Connection, job: SweepJob) -> None:
    """A worker: reads the ticks once, and then runs what it is sent until the line is closed."""
    from loguru import logger  # noqa: PLC0415 - a worker's own

    logger.remove()
    # Many bots printing at once are of use to nobody.
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the process ends
    catalog = load_catalog()
    recording = read_recording([Path(path) for path in job.paths], catalog)
    while True:
        try:
            params = line.recv()
        except (EOFError, OSError):
            return
        try:
            result = Backtest(load_bot(job.bot), params, recording, job.settings, catalog).run()
            told = summary(result)
            row = SweepRow(params=params, digest=result.digest, sound=result.sound, statistics=told["statistics"])
        except TradepitError as error:
            row = SweepRow(params=params, error=error.reason_code, message=str(error)[:300])
        except Exception as error:  # noqa: BLE001 - one run's failure is its row
            row = SweepRow(params=params, error="INTERNAL_ERROR", message=repr(error)[:300])
        line.send(row)
