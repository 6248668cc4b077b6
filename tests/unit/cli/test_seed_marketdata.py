"""The seeded hour: twelve ticks as the bot platform's own script writes them, into a real server."""

import json

import pytest
from tests.servers.valkey import ValkeyServer

from tradepit.backends.cache.redis_series import RedisSeries
from tradepit.cli.seed_marketdata import duration_ms, run_seed, ticks_of
from tradepit.config import Settings
from tradepit.ports.series import Sample
from tradepit.trading.model.errors import ConfigError, IdNotValid

NOW_MS = 1_764_644_400_000


def test_twelve_ticks_of_the_last_hour() -> None:
    prices, volumes = ticks_of("VN30F1M", NOW_MS, 1000).items()
    assert (prices[0].key, volumes[0].key) == ("markets:vn30f1m:price", "markets:vn30f1m:volume")
    assert prices[0].labels == (("ticker", "vn30f1m"), ("metric", "price"), ("source", "seed-script"))
    assert (len(prices[1]), prices[1][0], prices[1][11]) == (
        12, Sample(NOW_MS - 3_600_000, 1000), Sample(NOW_MS - 300_000, 1027.5),
    )  # fmt: skip
    assert [sample.value for sample in volumes[1]][:3] == [100, 105, 110]


@pytest.mark.parametrize(("text", "ms"), [("168h", 604_800_000), ("7d", 604_800_000), ("1h30m", 5_400_000), ("1.5s", 1500)])
def test_durations(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "7", "-1h", "1h ", "0s", "1y", "9999999999d"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ConfigError):
        duration_ms(text)


def test_a_ticker_that_is_none() -> None:
    with pytest.raises(IdNotValid):
        run_seed(Settings(), {"MARKETDATA_TICKER": "VN30 F1M"}, ticker="", retention="", json=True)


def test_the_environment_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    with ValkeyServer() as server:
        environment = {"MARKETDATA_REDIS_ADDR": server.url, "MARKETDATA_TICKER": "VN30F2M", "MARKETDATA_RETENTION": "2h"}
        assert run_seed(Settings(), environment, ticker="", retention="", json=True) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["ticker"], told["retention_ms"]) == ("VN30F2M", 7_200_000)
        assert run_seed(Settings(cache=server.url), {}, ticker="VN30F1M", retention="1h", json=False) == 0
        assert "markets:vn30f1m:price" in capsys.readouterr().out


async def test_what_was_seeded_is_found_by_its_label() -> None:
    with ValkeyServer() as server:
        series = RedisSeries(server.url)
        await series.connect()
        await series.add(ticks_of("VN30F1M", NOW_MS, 7_200_000))
        found = await series.range_by_label({"source": "seed-script"}, 0, NOW_MS)
        assert {key: len(samples) for key, samples in found.items()} == {
            "markets:vn30f1m:price": 12,
            "markets:vn30f1m:volume": 12,
        }
        assert await series.latest("markets:vn30f1m:price") == Sample(NOW_MS - 300_000, 1027.5)
        await series.close()
