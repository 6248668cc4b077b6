"""Charts: closed hours take no room, peaks survive thinning, scales are round."""

from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bot_stage import SECOND, START_NS

from tradepit.bots.backtest.charts import LEFT, RIGHT, WIDTH, TimeAxis, chart, scale, thin

_ZONE = ZoneInfo("Asia/Shanghai")
_TIMES = [START_NS + second * SECOND for second in (0, 1, 2, 86_400, 86_401)]


def test_a_night_takes_as_much_room_as_a_second() -> None:
    axis = TimeAxis(_TIMES, _ZONE)
    places = [axis.x(time_ns) for time_ns in _TIMES]
    assert [places[0], places[-1]] == [LEFT, WIDTH - RIGHT]
    assert places[3] - places[2] == pytest.approx(places[1] - places[0])
    assert places[1] < axis.x(START_NS + SECOND + SECOND // 2) < places[2]
    assert [day for _, day in axis.days()] == ["2025-01-06", "2025-01-07"]
    assert axis.tell(START_NS) == "2025-01-06 10:00:00"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=500), st.integers(4, 50))
def test_thinning_keeps_order_and_extremes(values: list[float], most: int) -> None:
    points = list(enumerate(values))
    kept = thin(points, most)
    assert len(kept) <= max(len(points) if len(points) <= most else 0, most + 2)
    assert list(kept) == sorted(kept)
    assert {min(values), max(values)} <= {value for _, value in kept}


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9))
def test_a_scale_has_a_few_different_labels_inside(low: float, span: float) -> None:
    marks = scale(low, low + span)
    assert 2 <= len(marks) <= 6
    assert all(low - span / 1000 <= value <= low + span + span / 1000 for value, _ in marks)
    assert len({label for _, label in marks}) == len(marks)


def test_a_chart_is_well_formed_and_texts_are_escaped() -> None:
    axis = TimeAxis(_TIMES, _ZONE)
    drawn = chart(axis, [(time_ns, 5.0) for time_ns in _TIMES], height=100, kind="price", marks=[(START_NS, 5.0, True, "<b>&")])
    root = ElementTree.fromstring(drawn)
    assert [title.text for title in root.iter("title")] == ["<b>&"]
    assert len([line for line in root if line.tag == "polyline"]) == 1
    assert chart(axis, [], height=100, kind="price") == "<p>nothing to show</p>"
