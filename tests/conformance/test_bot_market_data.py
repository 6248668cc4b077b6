"""The bots' client of market data against a real RedisTimeSeries."""

import pytest
import redis
from tests.servers.valkey import ValkeyServer

from tradepit.bots.market_clients import RedisTimeSeriesMarketDataClient
from tradepit.trading.model.errors import Unavailable

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


def test_a_server_that_is_not_there_is_unavailable() -> None:
    server = redis.Redis(port=1, socket_connect_timeout=1)
    with pytest.raises(Unavailable):
        RedisTimeSeriesMarketDataClient.of(server, "VN30F1M").fetch()
