"""The kernel in bulk: the published workloads in both modes, beside the C reference and the backtest fused into the kernel."""

from array import array
from hashlib import sha256
from importlib.util import find_spec
from time import thread_time

from tradepit.cli.bench import match_feedback as feedback
from tradepit.cli.bench import match_reference as reference
from tradepit.cli.bench import workload
from tradepit.cli.bench.contest import Contestant, Figures, ratio, summary, take_turns
from tradepit.trading.matching.kernel import BUY, SELL
from tradepit.trading.matching.matching_engine import MatchingEngine

Events = dict[str, memoryview]
FEEDBACK_EVENTS = 100_000  # of w1, for the backtest in plain Python
_FUSED = "w1 backtest, fused"


def measure(events: Events, repeats: int) -> Figures:
    """Every workload in every mode there is, each with a proof that it was matched right."""
    figures = {f"{name} interpreted": _interpreted(events[name], name, max(1, repeats // 2)) for name in events}
    if find_spec("numba"):
        figures = _compiled(events, repeats) | figures
    return figures


def _compiled(events: Events, repeats: int) -> Figures:
    contestants: dict[str, Contestant] = {}
    figures: Figures = {}
    for name, stream in events.items():
        contestants[f"{name} compiled"] = bulk_run(stream, name, compiled=True)
        figures[f"{name} compiled"] = {"digest_is_right": digest(stream, name, compiled=True) == workload.WORKLOADS[name].digest}
        figures[f"{name} C reference"] = _reference(stream, name, contestants)
    contestants[_FUSED] = feedback.timed_replay(events["w1"], workload.WORKLOADS["w1"].events)
    figures[_FUSED] = {}
    seconds = take_turns(contestants, 2 * repeats + 1)
    for label, taken in seconds.items():
        figures[label] |= summary(taken, workload.WORKLOADS[label.split()[0]].events)
    for name in events:
        ours, theirs = seconds[f"{name} compiled"], seconds.get(f"{name} C reference")
        if theirs:
            figures[f"{name} compiled"]["times_the_c_reference"] = ratio(ours, theirs)
    fused = figures[_FUSED]
    fused["m_orders_per_s"] = round(feedback.ORDERS_PER_EVENT * fused["median_m_per_s"], 1)
    fused["times_the_plain_run"] = ratio(seconds[_FUSED], seconds["w1 compiled"])
    return figures


def _reference(stream: memoryview, name: str, contestants: dict[str, Contestant]) -> Figures:
    try:
        contestants[f"{name} C reference"] = reference.bulk_run(stream, name)
        same = workload.WORKLOADS[name].digest.startswith(reference.trades_hash(stream, name))
    except reference.Absent as absent:
        return {"not_measured": str(absent)}
    return {"same_trades": same}


def _interpreted(stream: memoryview, name: str, repeats: int) -> Figures:
    right = digest(stream, name, compiled=False) == workload.WORKLOADS[name].digest
    run = bulk_run(stream, name, compiled=False)
    return {"digest_is_right": right, **summary([run() for _ in range(repeats)], len(stream))}


def _engine(name: str, *, compiled: bool) -> MatchingEngine:
    told = workload.WORKLOADS[name]
    room = {"orders": told.events, "waiting": 2 * told.symbols * told.live_per_symbol, "trades": told.events // 2}
    return MatchingEngine(workload.TICKS, told.symbols, compiled=compiled, **room)


def bulk_run(events: memoryview, name: str, *, compiled: bool) -> Contestant:
    """A run of a workload by a new engine as a contestant: its seconds of processor time."""

    def once() -> float:
        engine, results = _engine(name, compiled=compiled), array("i", [0]) * len(events)
        start = thread_time()
        engine.run(events, results)
        return thread_time() - start

    return once


def digest(events: memoryview, name: str, *, compiled: bool) -> str:
    """Trades, their hash, waiting orders and their hash after a workload, as it is published."""
    engine = _engine(name, compiled=compiled)
    count = engine.run(events, array("i", [0]) * len(events))
    sides = [(symbol, side) for symbol in range(workload.WORKLOADS[name].symbols) for side in (BUY, SELL)]
    book = [(symbol, side, tick, number, lots) for symbol, side in sides for number, tick, lots in engine.orders(symbol, side)]
    words = array("q", [word for order in book for word in order])
    trades = array("q", engine.trades().tolist())
    hashes = [sha256(part.tobytes()).hexdigest()[:16] for part in (trades, words)]
    return f"{count}:{hashes[0]}:{len(book)}:{hashes[1]}"


def backtests(events: memoryview, rows: list[list[int]], repeats: int) -> Figures:
    """The backtest whose strategy is Python over the engine, in each mode, and whether all forms of it made the same trades."""
    first_id, count = len(rows), len(rows)
    forms = {"by engine, interpreted": False} | ({"by engine, compiled": True} if find_spec("numba") else {})
    expected = feedback.by_replay(events, first_id, compiled=False)[1:]
    found = [feedback.by_engine(rows, first_id, compiled=compiled)[1:] for compiled in forms.values()]
    if find_spec("numba"):
        found.append(feedback.by_replay(events, first_id, compiled=True)[1:])
    contestants: dict[str, Contestant] = {
        name: lambda compiled=compiled: feedback.by_engine(rows, first_id, compiled=compiled)[0]  # type: ignore[misc]  # bound now
        for name, compiled in forms.items()
    }
    told: Figures = {"events": count, "same_trades": all(each == expected for each in found), "quotes_filled": expected[1][2]}
    for name, taken in take_turns(contestants, repeats).items():
        told[name] = summary(taken, count)
        told[name]["m_orders_per_s"] = round(feedback.ORDERS_PER_EVENT * told[name]["median_m_per_s"], 2)
    return told
