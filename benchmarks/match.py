"""How fast the matching kernel is, beside other engines in the same run: ``python benchmarks/match.py --json``.

Contestants take turns within each repeat, so that a busy moment of the machine hits all of them; medians and minima are told.
"""

import argparse
import gc
import json
import platform
import statistics
import sys
from array import array
from collections.abc import Callable
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter, perf_counter_ns, thread_time_ns
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import match_peers as peers
from benchmarks import workload

from tradepit.trading.matching.kernel import BUY, CANCEL, SELL
from tradepit.trading.matching.matching_engine import MatchingEngine

Figures = dict[str, Any]
PREFIXES = {"naive": 20_000, "bourse": 200_000, "order_matching": 1_000}  # events of w1 a contestant is given
MS_NS = 1_000_000


def run(*, repeats: int = 5, per_order_events: int = 200_000) -> Figures:
    """Measure everything; times in nanoseconds per event, rates in millions per second. Takes about two minutes."""
    events = {name: workload.load(name) for name in workload.WORKLOADS}
    flat = events["w1"].cast("B").cast("i")[: 4 * per_order_events].tolist()
    rows = [flat[start : start + 4] for start in range(0, len(flat), 4)]
    # As a service does after its start: the collector need not walk the prepared events during a call.
    gc.freeze()
    report: Figures = {"machine": f"{platform.processor() or platform.machine()}, Python {platform.python_version()}"}
    report["bulk"] = _bulk(events, repeats)
    report["per_order"] = _per_order(rows, repeats)
    report["latency"] = _latency(rows)
    report["peers"] = {name: _against(name, rows[:size], repeats) for name, size in PREFIXES.items()}
    bulk, bourse = report["bulk"].get("w1 compiled"), report["peers"]["bourse"]
    if bulk and "median_ns" in bourse:
        report["bulk_over_bourse"] = round(bourse["median_ns"] / bulk["median_ns"], 1)
    return report


def _summary(seconds: list[float], count: int) -> Figures:
    each = [second / count * 1e9 for second in seconds]
    median = statistics.median(each)
    return {"median_ns": round(median, 2), "min_ns": round(min(each), 2), "median_m_per_s": round(1e3 / median, 3)}


def _take_turns(contestants: dict[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, contestant in contestants.items():
            seconds[name].append(contestant())
    return seconds


def _bulk(events: dict[str, memoryview], repeats: int) -> Figures:
    modes = [True, False] if find_spec("numba") else [False]
    runs = {f"{name} {'compiled' if compiled else 'interpreted'}": (name, compiled) for name in events for compiled in modes}
    figures: Figures = {}
    for label, (name, compiled) in runs.items():
        figures[label] = {"digest_is_right": _digest(events[name], name, compiled) == workload.WORKLOADS[name].digest}
    fast = {label: key for label, key in runs.items() if key[1]}
    slow = {label: key for label, key in runs.items() if not key[1]}
    for group, times in ((fast, 2 * repeats + 1), (slow, max(1, repeats // 2))):
        contestants = {label: _bulk_run(events[name], name, compiled) for label, (name, compiled) in group.items()}
        for label, seconds in _take_turns(contestants, times).items():
            figures[label].update(_summary(seconds, len(events[group[label][0]])))
    return figures


def _engine(name: str, compiled: bool) -> MatchingEngine:
    told = workload.WORKLOADS[name]
    return MatchingEngine(workload.TICKS, told.symbols, compiled=compiled, orders=told.events, trades=told.events // 2)


def _bulk_run(events: memoryview, name: str, compiled: bool) -> Callable[[], float]:
    def once() -> float:
        engine, results = _engine(name, compiled), array("i", [0]) * len(events)
        start = perf_counter()
        engine.run(events, results)
        return perf_counter() - start

    return once


def _digest(events: memoryview, name: str, compiled: bool) -> str:
    engine = _engine(name, compiled)
    count = engine.run(events, array("i", [0]) * len(events))
    sides = [(symbol, side) for symbol in range(workload.WORKLOADS[name].symbols) for side in (BUY, SELL)]
    book = [(symbol, side, tick, number, lots) for symbol, side in sides for number, tick, lots in engine.orders(symbol, side)]
    words = array("q", [word for order in book for word in order])
    trades = array("q", engine.trades().tolist())
    hashes = [sha256(part.tobytes()).hexdigest()[:16] for part in (trades, words)]
    return f"{count}:{hashes[0]}:{len(book)}:{hashes[1]}"


def _per_order(rows: list[list[int]], repeats: int) -> Figures:
    steps = peers.plain_steps(rows, workload.TICKS)
    contestants: dict[str, Callable[[], float]] = {"interpreted, fills returned": lambda: peers.kernel_by_order(steps)[0]}
    if find_spec("numba"):
        contestants["compiled, fills returned"] = lambda: peers.kernel_by_order(steps, compiled=True)[0]
    contestants["OrderBook"] = lambda: peers.order_book(steps)[0]
    return {name: _summary(seconds, len(steps)) for name, seconds in _take_turns(contestants, repeats).items()}


def _latency(rows: list[list[int]]) -> Figures:
    """Each call of the interpreted kernel timed alone, once by the wall clock and once by the time this thread had the processor.

    The wall clock counts what other programs on the machine take; the processor's time does not. Both contain the reading itself.
    """
    figures: Figures = {}
    for name, clock in (("wall", perf_counter_ns), ("processor", thread_time_ns)):
        engine, taken = MatchingEngine(workload.TICKS, compiled=False, orders=len(rows)), []
        for what, lots, tick, order_id in rows:
            kind = what & 255
            start = clock()
            if kind == CANCEL:
                engine.cancel(order_id)
            else:
                engine.order(kind, what >> 8 & 1, 0, tick, lots, order_id)
            taken.append(clock() - start)
        taken.sort()
        figures[name] = {
            "p50_ns": taken[len(taken) // 2],
            "p99_ns": taken[len(taken) * 99 // 100],
            "p99_9_ns": taken[len(taken) * 999 // 1000],
            "max_ns": taken[-1],
            "pauses_over_1_ms": sum(each > MS_NS for each in taken),
        }
    return figures


def _against(name: str, rows: list[list[int]], repeats: int) -> Figures:
    peer: peers.Peer = getattr(peers, name)
    steps = peers.plain_steps(rows, workload.TICKS)
    try:
        _, theirs = peer(steps)
    except ImportError as error:
        return {"not_measured": f"not installed: {error}"}
    _, ours = peers.kernel_by_order(steps)
    contestants = {"ours": lambda: peers.kernel_by_order(steps)[0], "peer": lambda: peer(steps)[0]}
    seconds = _take_turns(contestants, repeats)
    ratio = statistics.median(seconds["peer"]) / statistics.median(seconds["ours"])
    same = {"events": len(steps), "same_trades": theirs == ours, "ours_interpreted_is_faster_by": round(ratio, 2)}
    return {**_summary(seconds["peer"], len(steps)), **same, "ours_median_ns": _summary(seconds["ours"], len(steps))["median_ns"]}


def show(report: Figures) -> None:
    """Print the report as a table."""
    print(report["machine"])
    for title in ("bulk", "per_order", "latency", "peers"):
        print(f"\n{title}")
        for name, figures in report[title].items():
            print(f"  {name:28} " + "  ".join(f"{key} {value}" for key, value in figures.items()))
    if "bulk_over_bourse" in report:
        print(f"\nbulk compiled is {report['bulk_over_bourse']} times bourse's rate")


def main(argv: list[str] | None = None) -> int:
    """Run from the command line; returns 1 when an engine made other trades than it must."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--events", type=int, default=200_000, help="events of the per-order measurements")
    arguments = parser.parse_args(argv)
    report = run(repeats=arguments.repeats, per_order_events=arguments.events)
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    right = all(figures["digest_is_right"] for figures in report["bulk"].values())
    return 0 if right and all(figures.get("same_trades", True) for figures in report["peers"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
