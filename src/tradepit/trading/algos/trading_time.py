"""Trading time: how much of a stretch of time lies inside the continuous trading windows."""

from tradepit.trading.algos.params import AlgoParams, Windows


def is_trading(windows: Windows, now_ns: int) -> bool:
    """True inside a window; a window ends just before its end."""
    return any(start <= now_ns < end for start, end in windows)


def elapsed_ns(windows: Windows, start_ns: int, now_ns: int) -> int:
    """Trading time between two instants, 0 when the second is not after the first."""
    return sum(max(0, min(end, now_ns) - max(start, start_ns)) for start, end in windows)


def planned_ns(params: AlgoParams) -> int:
    """The trading time an algorithm has: its duration or the time up to its end, clipped to what is left of the trading day."""
    last = params.windows[-1][1]
    left = elapsed_ns(params.windows, params.start_ns, min(last, params.end_ns or last))
    return min(params.duration_ns, left) if params.duration_ns else left
