"""The promises of time series, kept by every backend; see ports/series.py. The one in memory says what the others must answer."""

import asyncio
import math
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import count
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.servers.valkey import ValkeyServer

from tradepit.backends.cache.memory_series import MemorySeries, MemorySeriesStore
from tradepit.backends.cache.redis_series import RedisSeries
from tradepit.ports.series import MOST_MS, Aggregate, Buckets, Rollup, Sample, SeriesCache, TimeSeries
from tradepit.trading.model.errors import BadRequest, IdNotValid, Unavailable
from tradepit.wire.market_series import RETENTION_MS, price_series, volume_series

DATABASES = count(1)
# The module makes rollups by its own rules in database 0 alone.
SERVERS = {"plain": "valkey_server", "module": "timeseries_server", "rules": "timeseries_server"}
A = TimeSeries(key="a")
EXAMPLES = int(os.environ.get("SERIES_EXAMPLES", "25"))


def database(request: pytest.FixtureRequest, kind: str) -> str:
    server: ValkeyServer = request.getfixturevalue(SERVERS[kind])
    url = server.url_of(0 if kind == "rules" else 40 + next(DATABASES) % 24)
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture(params=["memory", *SERVERS])
async def members(request: pytest.FixtureRequest) -> AsyncIterator[tuple[SeriesCache, SeriesCache]]:
    """Two members of one cache."""
    pair: tuple[SeriesCache, SeriesCache]
    if request.param == "memory":
        store = MemorySeriesStore()
        pair = MemorySeries(store), MemorySeries(store)
    else:
        url = database(request, request.param)
        one = RedisSeries(url)
        await one.connect()
        assert one.with_module == (request.param != "plain")
        pair = one, RedisSeries(url)
    for member in pair:
        await member.connect()
    yield pair
    for member in pair:
        await member.close()
        await member.close()


@pytest.fixture
def cache(members: tuple[SeriesCache, SeriesCache]) -> SeriesCache:
    return members[0]


async def test_what_one_member_adds_another_reads(members: tuple[SeriesCache, SeriesCache]) -> None:
    one, two = members
    samples = [Sample(1_736_130_600_000 + number, 3500.5 + number) for number in range(2_500)]
    await one.add({A: samples[1_000:], TimeSeries(key="b"): [Sample(5, 1.0)]})
    await two.add({A: samples[:1_000]})
    assert await two.range("a", 0, MOST_MS) == samples
    assert await two.range("a", samples[7].at_ms, samples[9].at_ms) == samples[7:10]
    assert await two.latest("a") == samples[-1]
    assert await two.latest("b") == Sample(5, 1.0)


async def test_what_was_never_told_is_nothing(cache: SeriesCache) -> None:
    await cache.add({A: []})
    for key in ("a", "nothing"):
        assert await cache.latest(key) is None
        assert await cache.range(key, 0, MOST_MS) == []
    assert await cache.range_by_label({"ticker": "x"}, 0, MOST_MS) == {}


async def test_the_last_one_told_of_an_instant_counts(cache: SeriesCache) -> None:
    await cache.add({A: [Sample(1, 1.0), Sample(2, 2.0), Sample(1, 3.0)]})
    await cache.add({A: [Sample(2, 4.0)]})
    assert await cache.range("a", 0, 9) == [Sample(1, 3.0), Sample(2, 4.0)]


async def test_buckets_begin_at_1970_and_empty_ones_are_left_out(cache: SeriesCache) -> None:
    await cache.add({A: [Sample(at, float(at)) for at in (999, 1_000, 1_500, 1_999, 4_000)]})
    expected: dict[Aggregate, list[float]] = {
        Aggregate.FIRST: [999, 1_000, 4_000],
        Aggregate.LAST: [999, 1_999, 4_000],
        Aggregate.MIN: [999, 1_000, 4_000],
        Aggregate.MAX: [999, 1_999, 4_000],
        Aggregate.SUM: [999, 4_499, 4_000],
        Aggregate.AVG: [999, 4_499 / 3, 4_000],
        Aggregate.COUNT: [1, 3, 1],
    }
    for aggregate, values in expected.items():
        found = await cache.range("a", 0, 4_000, buckets=Buckets(length_ms=1_000, aggregate=aggregate))
        assert found == [Sample(at, value) for at, value in zip((0, 1_000, 4_000), values, strict=True)]
    cut = await cache.range("a", 1_500, 3_999, buckets=Buckets(length_ms=1_000, aggregate=Aggregate.COUNT))
    assert cut == [Sample(1_000, 2.0)]


async def test_a_series_reaches_back_as_far_as_its_retention(cache: SeriesCache) -> None:
    short = TimeSeries(key="a", retention_ms=100)
    await cache.add({short: [Sample(1_000, 1.0), Sample(1_100, 2.0), Sample(950, 3.0)]})
    await cache.add({short: [Sample(1_101, 4.0), Sample(1_000, 5.0)]})
    assert await cache.range("a", 0, MOST_MS) == [Sample(1_100, 2.0), Sample(1_101, 4.0)]
    await cache.add({TimeSeries(key="a", retention_ms=1): [Sample(1_102, 5.0)]})
    assert await cache.range("a", 0, MOST_MS) == [Sample(1_101, 4.0), Sample(1_102, 5.0)]


async def test_the_first_and_the_newest_of_many(cache: SeriesCache) -> None:
    await cache.add({A: [Sample(at, float(at)) for at in (5, 1, 4, 2, 3)]})
    assert await cache.range("a", 2, 9, most=2) == [Sample(2, 2.0), Sample(3, 3.0)]
    assert await cache.range("a", 2, 9, most=20) == [Sample(at, float(at)) for at in (2, 3, 4, 5)]
    pairs = Buckets(length_ms=2, aggregate=Aggregate.COUNT)
    assert await cache.range("a", 0, 9, buckets=pairs, most=2) == [Sample(0, 1.0), Sample(2, 2.0)]
    assert await cache.newest("a", 2) == [Sample(4, 4.0), Sample(5, 5.0)]
    assert await cache.newest("a", 2, end_ms=3) == [Sample(2, 2.0), Sample(3, 3.0)]
    assert await cache.newest("a", 9, end_ms=0) == []
    assert await cache.newest("b", 1) == []
    for work in (cache.newest("a", 0), cache.range("a", 0, 1, most=-1), cache.newest("a", 1, end_ms=-1)):
        with pytest.raises(BadRequest):
            await work


def rolled(retention_ms: int = 0, kept_ms: int = 0) -> TimeSeries:
    """A series with every kind of rollup, in seconds, and one of two seconds."""
    rollups = [
        Rollup(
            series=TimeSeries(key=f"a:{length}:{aggregate.value}", retention_ms=kept_ms, labels=(("of", "a"),)),
            buckets=Buckets(length_ms=length, aggregate=aggregate),
        )
        for length, aggregate in [*((1_000, each) for each in Aggregate), (2_000, Aggregate.MAX)]
    ]
    return TimeSeries(key="a", retention_ms=retention_ms, labels=(("metric", "a"),), rollups=tuple(rollups))


async def test_rollups_are_kept_as_samples_are_added(members: tuple[SeriesCache, SeriesCache]) -> None:
    one, two = members
    series = rolled()
    for samples in (
        [Sample(1_100, 3.0), Sample(1_200, 1.0)],
        [Sample(1_300, 2.0), Sample(2_900, 7.0)],
        [Sample(4_000, 5.0)],
        # Late, and told again with another number.
        [Sample(1_250, 9.0), Sample(2_900, 6.0), Sample(4_000, 4.0)],
    ):
        await one.add({series: samples})
        for rollup in series.rollups:
            expected = await two.range("a", 0, MOST_MS, buckets=rollup.buckets)
            assert await two.range(rollup.series.key, 0, MOST_MS) == expected, rollup.series.key
            assert await two.newest(rollup.series.key, 1) == expected[-1:]
    # Another member goes on with them, and what it is told again changes nothing.
    await two.add({series: [Sample(4_000, 4.0), Sample(4_500, 8.0)]})
    assert (await one.range("a:1000:max", 0, MOST_MS))[-1] == Sample(4_000, 8.0)
    assert await one.range("a:2000:max", 0, MOST_MS) == [Sample(0, 9.0), Sample(2_000, 6.0), Sample(4_000, 8.0)]
    assert min(await one.range_by_label({"of": "a"}, 0, 1_999)) == "a:1000:avg"


async def test_a_rollup_reaches_back_by_its_own_retention(cache: SeriesCache) -> None:
    series = rolled(retention_ms=1_500, kept_ms=4_000)
    for second in range(1, 9):
        await cache.add({series: [Sample(1_000 * second, float(second)), Sample(1_000 * second + 500, 0.0)]})
    assert [sample.at_ms for sample in await cache.range("a", 0, MOST_MS)] == [7_000, 7_500, 8_000, 8_500]
    # Where a server makes the buckets, the newest is not yet one of the samples from which the retention counts.
    found = await cache.range("a:1000:max", 4_000, MOST_MS)
    assert found == [Sample(1_000 * second, float(second)) for second in range(4, 9)]
    assert await cache.range("a:1000:max", 0, 2_999) == []


async def test_a_series_that_is_gone_comes_back_with_its_rollups(cache: SeriesCache) -> None:
    series = rolled()
    await cache.add({series: [Sample(1, 1.0)]})
    for key in ("a", *(rollup.series.key for rollup in series.rollups)):
        await cache.forget(key)
    await cache.add({series: [Sample(1_001, 2.0), Sample(1_002, 3.0)]})
    assert await cache.range("a:1000:sum", 0, MOST_MS) == [Sample(1_000, 5.0)]


async def test_a_rollup_that_is_none_is_refused(cache: SeriesCache) -> None:
    second = Buckets(length_ms=1_000, aggregate=Aggregate.MAX)
    itself = Rollup(series=TimeSeries(key="a"), buckets=second)
    nested = Rollup(series=rolled(), buckets=second)
    empty = Rollup(series=TimeSeries(key="b"), buckets=Buckets(length_ms=0, aggregate=Aggregate.MAX))
    for rollup in (itself, nested, empty):
        with pytest.raises(BadRequest):
            await cache.add({TimeSeries(key="a", rollups=(rollup,)): [Sample(1, 1.0)]})


async def test_series_are_found_by_their_labels(cache: SeriesCache) -> None:
    price, volume = price_series("VN30F1M"), volume_series("VN30F1M")
    await cache.add(
        {price: [Sample(1, 1_000.0)], volume: [Sample(1, 5.0), Sample(9, 6.0)], price_series("IF2501"): [Sample(1, 4.0)]}
    )
    by_ticker = await cache.range_by_label({"ticker": "vn30f1m"}, 0, 5)
    assert by_ticker == {"markets:vn30f1m:price": [Sample(1, 1_000.0)], "markets:vn30f1m:volume": [Sample(1, 5.0)]}
    assert list(await cache.range_by_label({"metric": "price"}, 0, 5)) == ["markets:if2501:price", "markets:vn30f1m:price"]
    both = {"metric": "volume", "ticker": "vn30f1m"}
    sums = Buckets(length_ms=60_000, aggregate=Aggregate.SUM)
    assert await cache.range_by_label(both, 0, 9, buckets=sums) == {"markets:vn30f1m:volume": [Sample(0, 11.0)]}
    assert list(await cache.range_by_label({"metric": "volume"}, 2, 9)) == ["markets:vn30f1m:volume"]
    assert await cache.range_by_label({"metric": "volume", "ticker": "if2501"}, 0, 9) == {}
    relabelled = TimeSeries(key=price.key, retention_ms=RETENTION_MS, labels=(("metric", "last"),))
    await cache.add({relabelled: [Sample(2, 1.0)]})
    assert list(await cache.range_by_label({"metric": "price"}, 0, 5)) == ["markets:if2501:price"]
    assert await cache.range_by_label({"metric": "last"}, 0, 5) == {price.key: [Sample(1, 1_000.0), Sample(2, 1.0)]}


async def test_a_forgotten_series_is_gone_with_its_labels(cache: SeriesCache) -> None:
    series = price_series("IF2501", retention_ms=10)
    await cache.add({series: [Sample(100, 1.0)]})
    await cache.forget(series.key)
    await cache.forget(series.key)
    assert await cache.latest(series.key) is None
    assert await cache.range_by_label({"metric": "price"}, 0, MOST_MS) == {}
    await cache.add({series: [Sample(50, 2.0)]})
    assert await cache.range(series.key, 0, MOST_MS) == [Sample(50, 2.0)]


@pytest.mark.parametrize("value", [0.1 + 0.2, 1 / 3, 1e300, -1e300, 5e-324, 2**53 - 1, 123456.789, 0.0])
async def test_numbers_are_kept_exactly(cache: SeriesCache, value: float) -> None:
    await cache.add({A: [Sample(MOST_MS, value), Sample(0, value)]})
    assert await cache.range("a", 0, MOST_MS) == [Sample(0, value), Sample(MOST_MS, value)]


@pytest.mark.parametrize("sample", [Sample(-1, 1.0), Sample(2**53, 1.0), Sample(1, math.nan), Sample(1, math.inf)])
async def test_a_sample_out_of_range_is_refused_with_all_of_its_kind(cache: SeriesCache, sample: Sample) -> None:
    with pytest.raises(BadRequest):
        await cache.add({A: [Sample(1, 1.0), sample]})
    assert await cache.latest("a") is None


@pytest.mark.parametrize("name", ["", "a b", "a*", "clé", "a\n", "{a}", "\ud800"])
async def test_a_name_that_is_none_is_refused(cache: SeriesCache, name: str) -> None:
    for work in (
        cache.add({TimeSeries(key=name): [Sample(1, 1.0)]}),
        cache.add({TimeSeries(key="a", labels=((name, "x"),)): [Sample(1, 1.0)]}),
        cache.add({TimeSeries(key="a", labels=(("x", name),)): [Sample(1, 1.0)]}),
        cache.range(name, 0, 1),
        cache.latest(name),
        cache.newest(name, 1),
        cache.range_by_label({name: "x"}, 0, 1),
        cache.forget(name),
    ):
        with pytest.raises(IdNotValid):
            await work


async def test_spans_and_definitions_out_of_range_are_refused(cache: SeriesCache) -> None:
    no_length = Buckets(length_ms=0, aggregate=Aggregate.SUM)
    for work in (
        cache.range("a", -1, 1),
        cache.range("a", 0, 2**53),
        cache.range("a", 0, 1, buckets=no_length),
        cache.range_by_label({}, 0, 1),
        cache.add({TimeSeries(key="a", retention_ms=-1): [Sample(1, 1.0)]}),
        cache.add({TimeSeries(key="a", labels=(("x", "1"), ("x", "2"))): [Sample(1, 1.0)]}),
    ):
        with pytest.raises(BadRequest):
            await work
    assert await cache.range("a", 5, 4) == []


async def test_a_closed_cache_is_unavailable(cache: SeriesCache) -> None:
    await cache.close()
    with pytest.raises(Unavailable):
        await cache.latest("a")
    await cache.connect()
    assert await cache.latest("a") is None


@pytest.mark.parametrize("kind", list(SERVERS))
async def test_a_key_that_holds_something_else_is_left_alone(request: pytest.FixtureRequest, kind: str) -> None:
    url = database(request, kind)
    cache = RedisSeries(url)
    await cache.connect()
    with redis.Redis.from_url(url) as outside:
        outside.set("text", "x")
        outside.zadd("set", {"member": 5})
        for key in ("text", "set"):
            for work in (cache.add({TimeSeries(key=key): [Sample(5, 1.0)]}), cache.range(key, 0, 9), cache.latest(key)):
                with pytest.raises(BadRequest):
                    await work
        assert (outside.get("text"), outside.zrange("set", 0, -1)) == (b"x", [b"member"])
    await cache.close()


async def test_a_program_that_speaks_the_modules_commands_reads_and_writes_the_same_series(
    request: pytest.FixtureRequest,
) -> None:
    url = database(request, "module")
    cache = RedisSeries(url)
    await cache.connect()
    await cache.add({price_series("VN30F1M"): [Sample(1_000, 1_000.5), Sample(61_000, 1_003.0)]})
    with redis.Redis.from_url(url, protocol=2) as outside:
        told: Any = outside.execute_command("TS.RANGE", "markets:vn30f1m:price", "-", "+")
        assert [(at, float(value)) for at, value in told] == [(1_000, 1_000.5), (61_000, 1_003.0)]
        minutes: Any = outside.execute_command("TS.MRANGE", "-", "+", "AGGREGATION", "max", 60_000, "FILTER", "metric=price")
        assert [(key, [(at, float(value)) for at, value in samples]) for key, _, samples in minutes] == [
            (b"markets:vn30f1m:price", [(0, 1_000.5), (60_000, 1_003.0)])
        ]
        info: Any = outside.execute_command("TS.INFO", "markets:vn30f1m:price")
        facts = dict(zip(info[::2], info[1::2], strict=True)) if isinstance(info, list) else info
        assert RETENTION_MS in (facts.get("retentionTime"), facts.get(b"retentionTime"), facts.get("retention_msecs"))
        outside.execute_command("TS.ADD", "markets:vn30f1m:price", 62_000, 1_004.5)
    assert await cache.latest("markets:vn30f1m:price") == Sample(62_000, 1_004.5)
    await cache.close()


keys = st.sampled_from(("a", "b", "markets:x:price"))
instants = st.integers(0, 600)
labels = st.dictionaries(st.sampled_from(("ticker", "metric")), st.sampled_from(("x", "y")), max_size=2).map(
    lambda held: tuple(sorted(held.items()))
)
samples = st.lists(st.builds(Sample, instants, st.floats(-1e9, 1e9)), max_size=12)
additions = st.dictionaries(
    st.builds(TimeSeries, key=keys, retention_ms=st.sampled_from((0, 1, 50, 200)), labels=labels), samples, max_size=3
).filter(lambda told: len({series.key for series in told}) == len(told))
asked = st.builds(
    lambda one, other, buckets: (min(one, other), max(one, other), buckets),
    instants,
    instants,
    st.none() | st.builds(Buckets, length_ms=st.integers(1, 250), aggregate=st.sampled_from(Aggregate)),
)
steps = st.lists(st.tuples(additions, asked), min_size=1, max_size=6)


async def _play(caches: Sequence[SeriesCache], told: Sequence[tuple[Mapping[TimeSeries, Sequence[Sample]], Any]]) -> None:
    for cache in caches:
        for key in ("a", "b", "markets:x:price"):
            await cache.forget(key)
    retention: dict[str, int] = {}
    for adding, (start, end, buckets) in told:
        # What a longer retention would show again is not promised: it only ever shrinks here.
        shorter = {}
        for series, held in adding.items():
            kept = min(retention.get(series.key, MOST_MS), series.retention_ms or MOST_MS)
            if held:
                retention[series.key] = kept
            shorter[TimeSeries(key=series.key, retention_ms=kept % MOST_MS, labels=series.labels)] = held
        answers = []
        for cache in caches:
            await cache.add(shorter)
            answer: list[object] = [await cache.range_by_label({"ticker": "x"}, start, end, buckets=buckets)]
            for key in ("a", "b", "markets:x:price"):
                answer += [await cache.latest(key), await cache.range(key, start, end, buckets=buckets)]
            answers.append(answer)
        assert answers[1:] == answers[:-1]


def test_all_backends_answer_the_same(request: pytest.FixtureRequest) -> None:
    caches: list[SeriesCache] = [MemorySeries(MemorySeriesStore()), *(RedisSeries(database(request, kind)) for kind in SERVERS)]
    with asyncio.Runner() as runner:

        @given(told=steps)
        @settings(max_examples=EXAMPLES, deadline=None)
        def play(told: Any) -> None:
            runner.run(_play(caches, told))

        for cache in caches:
            runner.run(cache.connect())
        play()
        for cache in caches:
            runner.run(cache.close())


async def _roll(cache: SeriesCache, told: Sequence[Sequence[Sample]]) -> None:
    series = rolled()
    for key in ("a", *(rollup.series.key for rollup in series.rollups)):
        await cache.forget(key)
    for adding in told:
        await cache.add({series: adding})
        for rollup in series.rollups:
            expected = await cache.range("a", 0, MOST_MS, buckets=rollup.buckets)
            assert await cache.range(rollup.series.key, 0, MOST_MS) == expected, rollup.series.key


@pytest.mark.parametrize("kind", ["memory", *SERVERS])
def test_rollups_are_what_their_series_says_in_whatever_order_it_is_told(request: pytest.FixtureRequest, kind: str) -> None:
    cache: SeriesCache = MemorySeries(MemorySeriesStore()) if kind == "memory" else RedisSeries(database(request, kind))
    some = st.lists(st.builds(Sample, st.integers(0, 9_000), st.integers(-1_000, 1_000).map(float)), max_size=8)
    with asyncio.Runner() as runner:

        @given(told=st.lists(some, min_size=1, max_size=5))
        @settings(max_examples=EXAMPLES, deadline=None)
        def play(told: Any) -> None:
            runner.run(_roll(cache, told))

        runner.run(cache.connect())
        play()
        runner.run(cache.close())
