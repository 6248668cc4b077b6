"""Bars from live ticks and from recorded ones are the same bars; windows are cut as the client asks."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tradepit.web.diff.bars import DAY_NS, MARK_NS, Bar, BarSeries, ChartTick, midnight_ns
from tradepit.web.diff.chart import Chart, SetChart
from tradepit.web.diff.chart_store import ChartStore
from tradepit.web.diff.history import History
from tradepit.web.diff.tick_series import TickSeries
from tradepit.wire.simulator import TickData
from tradepit.wire.simulator_codec import to_iso

SECOND_NS = 1_000_000_000
START = datetime(2025, 1, 2, 1, 30, tzinfo=UTC)
START_NS = int(START.timestamp()) * SECOND_NS


def _tick(at_s: int, last: float, volume: int, *, day: int = 20250102) -> ChartTick:
    return ChartTick(time_ns=START_NS + at_s * SECOND_NS, day=day, last=last, volume=volume, interest=volume // 2)


def _bars(series: BarSeries) -> list[dict[str, Any]]:
    return list(series.records(series.first_id, series.last_id).values())


def _write(path: Path, ticks: list[ChartTick]) -> History:
    zeros = dict.fromkeys(("turnover", "high_price", "low_price", "bid_price_1", "ask_price_1"), 0.0)
    rows = [
        zeros | {
            "datetime": START + timedelta(microseconds=(tick.time_ns - START_NS) // 1000), "trading_day": str(tick.day),
            "symbol": "IF2501", "last_price": tick.last, "volume": tick.volume, "open_interest": tick.interest,
            "bid_volume_1": 0, "ask_volume_1": 0,
        }
        for tick in ticks
    ]  # fmt: skip
    path.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).with_columns(pl.col("datetime").dt.convert_time_zone("Asia/Shanghai")).write_parquet(path / "a.parquet")
    return History(path)


steps = st.lists(st.tuples(st.integers(1, 90), st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=60)


@settings(max_examples=40, deadline=None)
@given(steps, st.sampled_from([1, 5, 60, 3600, 86_400]), st.integers(0, 60))
def test_recorded_and_live_bars_are_the_same(
    tmp_path_factory: Any, moves: list[tuple[int, int, int]], seconds: int, cut: int
) -> None:
    ticks, at, volume, day = [], 0, 100, 20250102
    for gap, price, lots in moves:
        at, volume = at + gap, volume + lots
        if at > 2500 and day == 20250102:
            day, volume = 20250103, lots
        ticks.append(_tick(at, float(price), volume, day=day))
    live = BarSeries(seconds * SECOND_NS)
    for tick in ticks:
        live.take(tick)
    cut = min(cut, len(ticks))
    bars, newest = _write(tmp_path_factory.mktemp("past"), ticks[:cut]).bars("IF2501", seconds * SECOND_NS) if cut else ([], None)
    mixed = BarSeries(seconds * SECOND_NS, bars)
    if newest is not None:
        mixed.begin_after(newest)
    for tick in ticks[cut:]:
        mixed.take(tick)
    assert _bars(mixed) == _bars(live)
    assert (mixed.first_id, mixed.last_id) == (live.first_id, live.last_id)


def test_ids_count_on_from_the_first_bars_place_in_time() -> None:
    series = BarSeries(60 * SECOND_NS)
    assert (series.first_id, series.last_id) == (0, -1)
    for at, last in ((0, 5.0), (61, 6.0), (3600, 7.0), (3601, 0.0), (10, 9.0)):
        series.take(_tick(at, last, 0))
    first = (START_NS - MARK_NS) // (60 * SECOND_NS)
    assert (series.first_id, series.last_id) == (first, first + 2)
    # A series that begins later never gives an id that an earlier one has given to another bar.
    later = BarSeries(60 * SECOND_NS)
    later.take(_tick(7200, 5.0, 0))
    assert later.first_id > series.last_id
    assert [series.id_at(START_NS + at * SECOND_NS) - first for at in (-5, 0, 59, 60, 3000, 99_999)] == [0, 0, 0, 1, 1, 2]
    assert series.id_of(START_NS + 60 * SECOND_NS) == first + 1
    assert series.id_of(START_NS + 61 * SECOND_NS) == -1


def test_a_days_bar_begins_at_its_trading_days_midnight() -> None:
    series = BarSeries(DAY_NS)
    # The night before belongs to the next trading day.
    series.take(_tick(-12 * 3600, 5.0, 0, day=20250102))
    series.take(_tick(0, 6.0, 0, day=20250102))
    assert series.last_id == series.first_id
    assert series.start_of(series.last_id) == midnight_ns(20250102)


def _series(count: int) -> BarSeries:
    return BarSeries(60 * SECOND_NS, [Bar(START_NS + n * 60 * SECOND_NS, 1.0, 1.0, 1.0, 1.0, n, 0, 0) for n in range(count)])


def _chart(series: BarSeries | TickSeries, **asked: Any) -> Chart:
    request = msgspec.convert({"chart_id": "c", "ins_list": "CFFEX.IF2501", "duration": 60 * SECOND_NS} | asked, SetChart)
    return Chart(request, {"echo": True}, ["CFFEX.IF2501"], ["CFFEX.IF2501"], [series])


def _window(chart: Chart) -> tuple[int, int]:
    ready = chart.opening()[-1]["charts"]["c"]
    assert ready["ready"] is True
    return ready["left_id"], ready["right_id"]


def test_windows() -> None:
    series = _series(100)
    first, last = series.first_id, series.last_id
    assert _window(_chart(series, view_width=10)) == (last - 9, last)
    assert _window(_chart(series, view_width=1000)) == (first, last)
    at = START_NS + 50 * 60 * SECOND_NS + 5
    assert _window(_chart(series, view_width=10, focus_datetime=at, focus_position=0)) == (first + 50, first + 59)
    # The focus just outside of the screen.
    assert _window(_chart(series, view_width=10, focus_datetime=at, focus_position=10)) == (first + 40, first + 49)
    assert _window(_chart(series, view_width=10, left_kline_id=first + 95)) == (first + 95, last)
    assert _window(_chart(_series(0), view_width=10)) == (-1, -1)
    assert _chart(series, view_width=10).opening()[0]["charts"]["c"]["state"] == {"echo": True}


def test_news_of_a_chart_are_its_newest_bars() -> None:
    series = _series(3)
    chart = _chart(series, view_width=2)
    series.take(_tick(60 * 3, 9.0, 5))
    series.take(_tick(60 * 4, 8.0, 6))
    news = chart.news()
    data = news["klines"]["CFFEX.IF2501"][str(60 * SECOND_NS)]
    assert data["last_id"] == series.last_id
    assert list(data["data"]) == [str(series.last_id - 1), str(series.last_id)]
    assert news["charts"]["c"] == {"left_id": series.last_id - 1, "right_id": series.last_id}


def test_ticks_are_numbered_and_old_ones_go() -> None:
    series = TickSeries()
    for number in range(26_000):
        assert series.take(_tick(number, 5.0, number))
    assert not series.take(_tick(3, 5.0, 0))
    assert series.last_id - series.first_id + 1 <= 25_000
    chart = _chart(series, duration=0, view_width=3)
    data = chart.opening()[1]["ticks"]["CFFEX.IF2501"]
    assert [tick["volume"] for tick in data["data"].values()] == [25_997, 25_998, 25_999]


def _data(at_s: int, last: str) -> TickData:
    fields = dict.fromkeys(TickData.__struct_fields__, "0") | {"symbol": "IF2501", "exchange": "CFFEX", "trading_day": "20250102"}
    fields |= {"datetime": to_iso(START_NS + at_s * SECOND_NS), "last_price": last}
    return msgspec.convert(fields, TickData, strict=False)


async def test_a_chart_asked_for_late_misses_nothing(tmp_path: Path) -> None:
    _write(tmp_path / "past", [_tick(0, 1.0, 0), _tick(60, 2.0, 0)])
    store = ChartStore(tmp_path / "past")
    for at, last in ((60, "5"), (120, "3"), (180, "4")):
        assert store.take("CFFEX.IF2501", _data(at, last)) == []
    series = await store.series("CFFEX.IF2501", 60 * SECOND_NS)
    assert isinstance(series, BarSeries)
    assert [bar["close"] for bar in _bars(series)] == [1.0, 2.0, 3.0, 4.0]
    assert store.take("CFFEX.IF2501", _data(181, "6")) == [60 * SECOND_NS]
    assert store.take("CFFEX.IF2501", _data(181, "7")) == []
    assert [bar["close"] for bar in _bars(series)] == [1.0, 2.0, 3.0, 6.0]


def test_what_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "b.parquet").write_bytes(b"nothing")
    assert History(tmp_path).bars("IF2501", DAY_NS) == ([], None)
    assert History(tmp_path / "nowhere").ticks("IF2501") == []
