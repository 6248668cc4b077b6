"""``tradepit bench match``: how fast the matching kernel is, beside other engines in the same run.

Contestants take turns within each repeat, so that a busy moment of the machine hits all of them; medians and minima are told.
"""

import gc
import platform
import statistics
from array import array
from collections.abc import Callable
from hashlib import sha256
from importlib.util import find_spec
from time import perf_counter, perf_counter_ns
from typing import Any

from tradepit.cli.bench import match_peers as peers
from tradepit.cli.bench import workload
from tradepit.trading.matching.kernel import BUY, CANCEL, SELL
from tradepit.trading.matching.matching_engine import MatchingEngine

Figures = dict[str, Any]
PREFIXES = {"naive": 20_000, "bourse": 200_000, "order_matching": 1_000}  # events of w1 a contestant is given
MS_NS = 1_000_000
LATENCY_PASSES = 5


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
    """Each call of the interpreted kernel timed alone, the reading of the clock included, over several equal passes.

    ``one pass`` contains what other programs took from this machine; ``best of passes`` takes for each event its quickest pass,
    which leaves what the kernel itself needs for it; ``clock alone`` is the same loop with nothing in it.
    """
    passes = [_timed_pass(rows) for _ in range(LATENCY_PASSES)]
    taken = {
        "one pass": passes[0],
        "best of passes": [min(each) for each in zip(*passes, strict=True)],
        "clock alone": _timed_nothing(len(rows)),
    }
    return {name: _tail(each) for name, each in taken.items()}


def _timed_pass(rows: list[list[int]]) -> list[int]:
    engine = MatchingEngine(workload.TICKS, compiled=False, orders=len(rows))
    taken = []
    for what, lots, tick, order_id in rows:
        kind = what & 255
        start = perf_counter_ns()
        if kind == CANCEL:
            engine.cancel(order_id)
        else:
            engine.order(kind, what >> 8 & 1, 0, tick, lots, order_id)
        taken.append(perf_counter_ns() - start)
    return taken


def _timed_nothing(count: int) -> list[int]:
    taken = []
    for _ in range(count):
        start = perf_counter_ns()
        taken.append(perf_counter_ns() - start)
    return taken


def _tail(taken: list[int]) -> Figures:
    ranked, count = sorted(taken), len(taken)
    return {
        "p50_ns": ranked[count // 2],
        "p99_ns": ranked[count * 99 // 100],
        "p99_9_ns": ranked[count * 999 // 1000],
        "max_ns": ranked[-1],
        "pauses_over_1_ms": sum(each > MS_NS for each in taken),
    }


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
