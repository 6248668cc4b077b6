"""``tradepit seed-marketdata``: an hour of made-up prices and volumes in the time series of a market, to develop against."""

import re
from collections.abc import Mapping

import msgspec

from tradepit.cli.loop import run
from tradepit.cli.output import print_json, print_table
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.config_powerscreen import redis_url
from tradepit.ports.series import Sample, TimeSeries
from tradepit.trading.model.errors import ConfigError
from tradepit.trading.model.ids import check_id
from tradepit.wire.market_series import price_series, volume_series

TICKS, STEP_MS, HOUR_MS = 12, 300_000, 3_600_000
TICKER, RETENTION, REDIS = "VN30F1M", "168h", "localhost:6379"
LABEL = ("source", "seed-script")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": HOUR_MS, "d": 24 * HOUR_MS}
_MOST_MS = 100 * 366 * 24 * HOUR_MS


def run_seed(settings: Settings, environment: Mapping[str, str], *, ticker: str, retention: str, json: bool) -> int:
    """Seed the market. A run at another minute adds its ticks; the same ticks again change nothing. Raises ConfigError, IdNotValid.

    ``MARKETDATA_TICKER``, ``MARKETDATA_RETENTION`` and ``MARKETDATA_REDIS_ADDR`` say what the arguments and the settings (a cache on
    Redis) do not.
    """
    told = {name: value for name, value in environment.items() if value}
    chosen = check_id(ticker or told.get("MARKETDATA_TICKER", TICKER), "ticker")
    retention_ms = duration_ms(retention or told.get("MARKETDATA_RETENTION", RETENTION))
    settings = msgspec.structs.replace(settings, cache=_cache_of(settings, told))
    return run(_seed(settings, chosen, retention_ms, json=json))


def duration_ms(text: str) -> int:
    """Milliseconds of ``168h``, ``90m``, ``7d`` or ``1h30m``. Raises ConfigError."""
    parts = _PART.findall(text)
    length = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or not 1 <= length <= _MOST_MS:
        raise ConfigError("a retention is a duration like 168h", told=text[:32])
    return int(length)


def ticks_of(ticker: str, now_ms: int, retention_ms: int) -> dict[TimeSeries, list[Sample]]:
    """Twelve ticks, five minutes apart, from an hour ago: prices 1000, 1002.5 …, volumes 100, 105 …"""
    start_ms = now_ms - HOUR_MS
    at_ms = [start_ms + STEP_MS * number for number in range(TICKS)]
    prices = price_series(ticker, retention_ms=retention_ms)
    volumes = volume_series(ticker, retention_ms=retention_ms)
    return {
        _labelled(prices): [Sample(at, 1000 + 2.5 * number) for number, at in enumerate(at_ms)],
        _labelled(volumes): [Sample(at, 100.0 + 5 * number) for number, at in enumerate(at_ms)],
    }


def _labelled(series: TimeSeries) -> TimeSeries:
    return msgspec.structs.replace(series, labels=(*series.labels, LABEL))


def _cache_of(settings: Settings, told: Mapping[str, str]) -> str:
    if "MARKETDATA_REDIS_ADDR" in told:
        return redis_url(told["MARKETDATA_REDIS_ADDR"], "MARKETDATA_REDIS_ADDR")
    on_redis = settings.cache.startswith(("redis:", "rediss:"))
    return settings.cache if on_redis else redis_url(REDIS, "MARKETDATA_REDIS_ADDR")


async def _seed(settings: Settings, ticker: str, retention_ms: int, *, json: bool) -> int:
    wiring = Wiring(settings, process="seed-marketdata")
    series = wiring.series()
    await series.connect()
    try:
        told = ticks_of(ticker, wiring.clock.now_ns() // 1_000_000, retention_ms)
        await series.add(told)
    finally:
        await series.close()
    rows = [
        {"key": each.key, "samples": len(samples), "from_ms": samples[0].at_ms, "to_ms": samples[-1].at_ms}
        for each, samples in told.items()
    ]
    if json:
        print_json({"ticker": ticker, "retention_ms": retention_ms, "series": rows})
    else:
        print_table("Seeded", ("key", "samples", "from (ms)", "to (ms)"), [tuple(row.values()) for row in rows])
    return 0
