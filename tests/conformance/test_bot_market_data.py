"""The bots' client of market data against a real RedisTimeSeries."""

import pytest
import redis
from tests.servers.valkey import ValkeyServer

from tradepit.backends.cache.redis_series import RedisSeries
from tradepit.bots.market_clients import RedisTimeSeriesMarketDataClient
from tradepit.ports.series import Sample
from tradepit.trading.model.errors import Unavailable
from tradepit.wire.market_series import hot_series

_KEY = "markets:vn30f1m"


@pytest.mark.parametrize("protocol", [2, 3])
def test_what_the_platform_writes_is_read(timeseries_server: ValkeyServer, protocol: int) -> None:
    with redis.Redis.from_url(timeseries_server.url_of(40 + protocol), protocol=protocol) as server:
        client = RedisTimeSeriesMarketDataClient.of(server, "VN30F1M")
        assert client.fetch() is None
        assert client.fetch_range(0, 10_000) == []
        # The platform's own seed: a tick every five minutes, price and volume rising.
        for number in range(12):
            at = 1_000_000 + 300_000 * number
            server.execute_command("TS.ADD", f"{_KEY}:price", at, 1000 + 2.5 * number)
            server.execute_command("TS.ADD", f"{_KEY}:volume", at, 100 + 5 * number)
        newest = client.fetch()
        assert newest is not None
        assert (newest.time_ms, newest.fields) == (4_300_000, {"price": 1027.5, "volume": 155.0})
        found = client.fetch_range(1_300_000, 1_900_000)
        assert [(one.time_ms, one["price"], one["volume"]) for one in found] == [
            (1_300_000, 1002.5, 105.0),
            (1_600_000, 1005.0, 110.0),
            (1_900_000, 1007.5, 115.0),
        ]
        assert len(client.fetch_range(0, 9_000_000, count=5)) == 5
        server.execute_command("SET", "other", "no series")
        with pytest.raises(Unavailable):
            RedisTimeSeriesMarketDataClient(server, "other", "X").fetch()


@pytest.mark.parametrize("kind", ["valkey_server", "timeseries_server"])
@pytest.mark.parametrize("decodes", [False, True])
async def test_what_the_house_s_writer_writes_is_read_with_the_module_or_without(
    request: pytest.FixtureRequest, kind: str, decodes: bool
) -> None:
    server: ValkeyServer = request.getfixturevalue(kind)
    url = server.url_of(0 if kind == "timeseries_server" else 39)
    with redis.Redis.from_url(url, decode_responses=decodes) as outside:
        outside.flushdb()
        client = RedisTimeSeriesMarketDataClient.of(outside, "IF2501")
        assert client.fetch() is None
        assert client.fetch_range(0, 10_000) == []
        series = hot_series("IF2501", window_ms=3_600_000, bars_ms=86_400_000)
        writer = RedisSeries(url)
        await writer.connect()
        instants = range(1_000, 13_000, 1_000)
        await writer.add({series["price"]: [Sample(at, 4500 + at / 5_000) for at in instants]})
        await writer.add({series["volume"]: [Sample(at, at / 1_000) for at in instants if at != 3_000]})
        await writer.close()
        newest = client.fetch()
        assert newest is not None
        assert (newest.time_ms, newest.fields) == (12_000, {"price": 4502.4, "volume": 12.0})
        found = client.fetch_range(2_000, 4_000)
        assert [(one.time_ms, one.fields) for one in found] == [
            (2_000, {"price": 4500.4, "volume": 2.0}), (3_000, {"price": 4500.6}), (4_000, {"price": 4500.8, "volume": 4.0}),
        ]  # fmt: skip
        assert [one.time_ms for one in client.fetch_range(0, 99_000, count=3)] == [1_000, 2_000, 3_000]
        outside.zadd("other", {"member": 5})
        outside.set("text", "x")
        for key in ("other", "text"):
            with pytest.raises(Unavailable):
                RedisTimeSeriesMarketDataClient(outside, key, "X").fetch()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    server = redis.Redis(port=1, socket_connect_timeout=1)
    with pytest.raises(Unavailable):
        RedisTimeSeriesMarketDataClient.of(server, "VN30F1M").fetch()
