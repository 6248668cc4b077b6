"""Charts as inline SVG: lines over the trading minutes of a recording, nights and breaks left out."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from math import ceil, floor, log10
from zoneinfo import ZoneInfo

WIDTH, LEFT, RIGHT = 1000, 80, 12
_MOST = 1_500  # points of a line; more than pixels serve nobody
_NS = 1_000_000_000
Point = tuple[int, float]
Mark = tuple[int, float, bool, str]


class TimeAxis:
    """Instants side by side in the order in which they were noted, so that closed hours take no room."""

    def __init__(self, times_ns: Iterable[int], zone: ZoneInfo) -> None:
        self._times = sorted(set(times_ns))
        self._zone = zone

    def x(self, time_ns: int) -> float:
        """Where an instant lies, in SVG units."""
        last = max(1, len(self._times) - 1)
        at = bisect_left(self._times, time_ns)
        if 0 < at < len(self._times):
            before, after = self._times[at - 1], self._times[at]
            place = at - 1 + (time_ns - before) / (after - before)
        else:
            place = min(at, last)
        return LEFT + place / last * (WIDTH - LEFT - RIGHT)

    def days(self) -> list[tuple[float, str]]:
        """The first instant of each local date."""
        found: list[tuple[float, str]] = []
        former = ""
        for time_ns in self._times:
            day = self.tell(time_ns)[:10]
            if day != former:
                found.append((self.x(time_ns), day))
                former = day
        return found

    def tell(self, time_ns: int) -> str:
        """An instant in the exchange's time."""
        return datetime.fromtimestamp(time_ns // _NS, UTC).astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")


def chart(axis: TimeAxis, points: Sequence[Point], *, height: int, kind: str, marks: Sequence[Mark] = ()) -> str:
    """One line with its scale; ``marks`` are (instant, value, up or down, text). Empty without points."""
    if not points:
        return "<p>nothing to show</p>"
    values = [value for _, value in points] + [value for _, value, _, _ in marks]
    low, high = min(values), max(values)
    room = (high - low) * 0.06 or max(1.0, abs(high) * 0.001)
    low, high = low - room, high + room

    def y(value: float) -> float:
        return 8 + (high - value) / (high - low) * (height - 32)

    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" class="{kind}">']
    for value, label in scale(low, high):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{label}</text>')
    for x, day in axis.days():
        parts.append(f'<line class="day" x1="{x:.1f}" x2="{x:.1f}" y1="8" y2="{height - 24}"/>')
        parts.append(f'<text x="{x + 3:.1f}" y="{height - 8}">{day}</text>')
    line = " ".join(f"{axis.x(time_ns):.1f},{y(value):.1f}" for time_ns, value in thin(points))
    parts.append(f'<polyline class="line" points="{line}"/>')
    parts += [_mark(axis.x(time_ns), y(value), up=up, text=text) for time_ns, value, up, text in marks]
    return "".join([*parts, "</svg>"])


def scale(low: float, high: float, most: int = 6) -> list[tuple[float, str]]:
    """Round values between ``low`` and ``high``, at most ``most``, each with as many digits as tell them apart."""
    power = floor(log10((high - low) / (most - 1)))
    step = next(size * 10.0**power for size in (1, 2, 5, 10, 20) if (high - low) / (size * 10.0**power) <= most - 1)
    first, digits = ceil(low / step), max(0, -floor(log10(step)))
    return [(number * step, f"{number * step:,.{digits}f}") for number in range(first, floor(high / step) + 1)]


def thin(points: Sequence[Point], most: int = _MOST) -> Sequence[Point]:
    """At most about ``most`` points: of each stretch the lowest and the highest, in order, so that no peak is lost."""
    if len(points) <= most:
        return points
    edges = [round(number * len(points) / (most // 2)) for number in range(most // 2 + 1)]
    kept: list[Point] = []
    for start, end in pairwise(edges):
        stretch = points[start:end]
        extremes = {min(stretch, key=lambda point: point[1]), max(stretch, key=lambda point: point[1])}
        kept += sorted(extremes)
    return kept


def _mark(x: float, y: float, *, up: bool, text: str) -> str:
    size = 5 if up else -5
    shape = f"{x:.1f},{y:.1f} {x - 4:.1f},{y + 1.6 * size:.1f} {x + 4:.1f},{y + 1.6 * size:.1f}"
    return f'<polygon class="{"buy" if up else "sell"}" points="{shape}"><title>{escape(text)}</title></polygon>'
