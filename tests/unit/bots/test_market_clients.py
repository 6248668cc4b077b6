"""Clients of market data: the latest value and ranges, from nothing, lists, queues and RedisTimeSeries."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tradepit.bots.market_clients import (
    MarketDataClient,
    MarketSnapshot,
    NullMarketDataClient,
    QueueMarketDataClient,
    RedisTimeSeriesMarketDataClient,
    StaticMarketDataClient,
)
from tradepit.trading.model.errors import BadRequest, IdNotValid, TimedOut, Unavailable

_PRICES = {1000 + 60 * number: 1000 + 2.5 * number for number in range(12)}


class _Series:
    """RedisTimeSeries as redis-py answers for it (RESP2): samples are [instant, text]."""

    def __init__(self, **keys: dict[int, float]) -> None:
        self.keys = {f"markets:vn30f1m:{name}": series for name, series in keys.items()}
        self.asked: list[tuple[Any, ...]] = []

    def execute_command(self, *words: Any) -> Any:
        self.asked.append(words)
        name, key, *rest = words
        if key not in self.keys:
            raise RuntimeError("TSDB: the key does not exist")
        samples = [[time_ms, str(value).encode()] for time_ms, value in sorted(self.keys[key].items())]
        if name == "TS.GET":
            return samples[-1] if samples else []
        first, last = rest[:2]
        found = [sample for sample in samples if first <= sample[0] <= last]
        return found[: rest[3]] if len(rest) > 2 else found


def _snapshot(time_ms: int, price: float) -> MarketSnapshot:
    return MarketSnapshot(symbol="VN30F1M", time_ms=time_ms, fields={"price": price})


def test_the_platforms_keys_are_read_with_the_ticker_in_lower_case() -> None:
    redis = _Series(price=_PRICES, volume={1660: 155.0})
    client = RedisTimeSeriesMarketDataClient.of(redis, "VN30F1M")
    newest = client.fetch()
    assert newest is not None
    assert (newest.symbol, newest.time_ms, newest.fields) == ("VN30F1M", 1660, {"price": 1027.5, "volume": 155.0})
    assert {words[1] for words in redis.asked} == {"markets:vn30f1m:price", "markets:vn30f1m:volume"}
    with pytest.raises(IdNotValid):
        RedisTimeSeriesMarketDataClient.of(redis, "VN30:F1M")


def test_an_extra_field_of_another_instant_is_not_mixed_in() -> None:
    client = RedisTimeSeriesMarketDataClient.of(_Series(price=_PRICES, volume={1600: 150.0}), "VN30F1M")
    newest = client.fetch()
    assert newest is not None
    assert newest.fields == {"price": 1027.5}
    assert [snapshot.fields for snapshot in client.fetch_range(1600, 1660)] == [
        {"price": 1025.0, "volume": 150.0},
        {"price": 1027.5},
    ]


def test_a_series_that_nobody_has_written_is_empty() -> None:
    client = RedisTimeSeriesMarketDataClient.of(_Series(), "VN30F1M")
    assert client.fetch() is None
    assert client.fetch_range(0, 10_000) == []


def test_a_server_that_is_away_is_unavailable() -> None:
    class Away:
        def __init__(self, error: Exception) -> None:
            self.error = error

        def execute_command(self, *words: Any) -> Any:
            raise self.error

    with pytest.raises(Unavailable):
        RedisTimeSeriesMarketDataClient.of(Away(ConnectionError("refused")), "VN30F1M").fetch()
    with pytest.raises(TimedOut):
        RedisTimeSeriesMarketDataClient.of(Away(TimeoutError()), "VN30F1M").fetch_range(0, 1)


@pytest.mark.parametrize(
    "client",
    [
        StaticMarketDataClient([_snapshot(time_ms, price) for time_ms, price in reversed(_PRICES.items())]),
        RedisTimeSeriesMarketDataClient(_Series(price=_PRICES), "markets:vn30f1m:price", "VN30F1M"),
    ],
    ids=["static", "redis"],
)
def test_ranges_include_both_ends_and_are_cut_at_the_count(client: MarketDataClient) -> None:
    assert [snapshot.time_ms for snapshot in client.fetch_range(1060, 1180)] == [1060, 1120, 1180]
    assert [snapshot["price"] for snapshot in client.fetch_range(0, 9999, count=2)] == [1000.0, 1002.5]
    start, end = datetime.fromtimestamp(1.06, UTC), datetime.fromtimestamp(1.12, UTC)
    assert [snapshot.time for snapshot in client.fetch_range(start, end)] == [start, end]
    assert client.fetch_range(2, 1) == []
    newest = client.fetch()
    assert newest is not None
    assert newest.time_ms == 1660
    with pytest.raises(BadRequest):
        client.fetch_range(0, 1, count=0)
    with pytest.raises(BadRequest):
        client.fetch_range(datetime(2025, 1, 6), 1)  # noqa: DTZ001 - that is what is refused


def test_a_queue_gives_each_snapshot_once_and_nothing_is_nothing() -> None:
    queue = QueueMarketDataClient(keep=2)
    for time_ms in (3, 4, 5):
        queue.put(_snapshot(time_ms, 1.0))
    fetched = [queue.fetch() for _ in range(4)]
    assert [snapshot.time_ms if snapshot else None for snapshot in fetched] == [3, 4, 5, None]
    assert [snapshot.time_ms for snapshot in queue.fetch_range(0, 9)] == [4, 5]
    assert NullMarketDataClient().fetch() is None
    assert NullMarketDataClient().fetch_range(0, 1) == []
