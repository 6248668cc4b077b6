"""``tradepit bench match``: how fast the matching kernel is, beside other engines in the same run.

Contestants take turns, medians and minima are told, in processor time; ``wall_per_processor_time`` of the whole run says how much
of the machine other programs took. ``calibration`` is this machine at fixed work, to compare figures of two machines by.
"""

import gc
from importlib.util import find_spec
from time import perf_counter, perf_counter_ns, process_time

from tradepit.cli.bench import match_bulk, workload
from tradepit.cli.bench import match_peers as peers
from tradepit.cli.bench.contest import Contestant, Figures, ratio, summary, take_turns
from tradepit.cli.bench.match_calibration import calibrate
from tradepit.trading.matching.kernel import CANCEL
from tradepit.trading.matching.matching_engine import MatchingEngine
from tradepit.trading.matching.order_book import OrderBook
from tradepit.trading.model.terms import Side

# Events of w1 a contestant is given.
PREFIXES = {"naive": 20_000, "bourse": 200_000, "cython_orderbook": 200_000, "order_matching": 1_000}
MS_NS = 1_000_000
LATENCY_PASSES = 5


def run(*, repeats: int = 5, per_order_events: int = 200_000) -> Figures:
    """Measure everything; times in nanoseconds per event, rates in millions per second. Takes about two minutes."""
    wall, processor = perf_counter(), process_time()
    report: Figures = {"calibration": calibrate()}
    events = {name: workload.load(name) for name in workload.WORKLOADS}
    words = events["w1"].cast("B").cast("i")
    flat = words[: 4 * per_order_events].tolist()
    rows = [flat[start : start + 4] for start in range(0, len(flat), 4)]
    # As a service does after its start: the collector need not walk the prepared events during a call.
    gc.freeze()
    report["bulk"] = match_bulk.measure(events, repeats)
    size = min(len(rows), match_bulk.FEEDBACK_EVENTS)
    part = memoryview(words[: 4 * size]).cast("B").cast("i", (size, 4))
    report["backtest_in_python"] = match_bulk.backtests(part, rows[:size], repeats)
    report["per_order"] = _per_order(rows, repeats)
    report["latency"] = _latency(rows)
    report["peers"] = {name: _against(name, rows[:size], repeats) for name, size in PREFIXES.items()}
    compiled = report["bulk"].get("w1 compiled")
    for name in ("bourse", "cython_orderbook"):
        peer = report["peers"][name]
        if compiled and "median_ns" in peer:
            report[f"bulk_over_{name}"] = round(peer["median_ns"] / compiled["median_ns"], 1)
    report["wall_per_processor_time"] = round((perf_counter() - wall) / (process_time() - processor), 2)
    return report


def _per_order(rows: list[list[int]], repeats: int) -> Figures:
    """One call from Python for each order and cancel, fills returned."""
    steps = peers.plain_steps(rows, workload.TICKS)
    contestants: dict[str, Contestant] = {"engine, interpreted": lambda: peers.kernel_by_order(steps)[0]}
    if find_spec("numba"):
        contestants["engine, compiled"] = lambda: peers.kernel_by_order(steps, compiled=True)[0]
    contestants["OrderBook"] = lambda: peers.order_book(steps)[0]
    return {name: summary(seconds, len(steps)) for name, seconds in take_turns(contestants, repeats).items()}


def _latency(rows: list[list[int]]) -> Figures:
    """Each interpreted call timed alone by the wall clock, the reading of it included, over several equal passes.

    ``one pass`` contains what other programs took from this machine; ``best of passes`` takes for each event its quickest pass,
    which leaves what the call itself needs for it; ``clock alone`` is the same loop with nothing in it.
    """
    told: Figures = {"clock alone": _tail(_timed_nothing(len(rows)))}
    for name, timed in (("engine", _timed_engine), ("OrderBook", _timed_book)):
        passes = [timed(rows) for _ in range(LATENCY_PASSES)]
        best = [min(each) for each in zip(*passes, strict=True)]
        told[name] = {"one pass": _tail(passes[0]), "best of passes": _tail(best)}
    return told


def _timed_engine(rows: list[list[int]]) -> list[int]:
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


def _timed_book(rows: list[list[int]]) -> list[int]:
    book, taken = OrderBook(1, workload.TICKS), []
    for what, lots, tick, order_id in rows:
        kind, side = what & 255, Side.SELL if what >> 8 & 1 else Side.BUY
        start = perf_counter_ns()
        if kind == CANCEL:
            book.cancel(order_id + 1)
        else:
            book.add(order_id + 1, side, tick + 1, lots, workload.TYPES[kind])
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
    """A peer's time for each order, and how many times it is that of our interpreted engine and book."""
    peer: peers.Peer = getattr(peers, name)
    steps = peers.plain_steps(rows, workload.TICKS)
    try:
        _, theirs = peer(steps)
    except ImportError as error:
        return {"not_measured": f"not installed: {error}"}
    contestants = {
        "peer": lambda: peer(steps)[0],
        "engine": lambda: peers.kernel_by_order(steps)[0],
        "book": lambda: peers.order_book(steps)[0],
    }
    same = theirs == peers.kernel_by_order(steps)[1] == peers.order_book(steps)[1]
    seconds = take_turns(contestants, repeats)
    told = {"events": len(steps), "same_trades": same, **summary(seconds["peer"], len(steps))}
    return told | {f"times_our_{ours}": ratio(seconds["peer"], seconds[ours]) for ours in ("engine", "book")}
