"""The Data API's page for Prometheus: how much the cache answers, how old the newest ticks are, how long answers take."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tradepit.ports.clock import Clock
from tradepit.web.data_meters import BUCKETS_S, DataMeters, Timing


class DataPage:
    """Renders the page from the meters as they are at the scrape; it touches no global registry."""

    def __init__(self, meters: DataMeters, clock: Clock) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_DataCollector(meters, clock))

    def render(self) -> bytes:
        """The page in Prometheus's text format."""
        return generate_latest(self._registry)


class _DataCollector(Collector):
    def __init__(self, meters: DataMeters, clock: Clock) -> None:
        self._meters, self._clock = meters, clock

    def collect(self) -> Iterable[Metric]:
        meters = self._meters
        ratio = GaugeMetricFamily("data_api_cache_hit_ratio", "The part of all questions that the cache alone answered.")
        ratio.add_metric((), meters.hit_ratio)
        hits = CounterMetricFamily("data_api_cache_hits", "Questions that the cache alone answered.", labels=("kind",))
        misses = CounterMetricFamily("data_api_cache_misses", "Questions for which others were asked.", labels=("kind",))
        for family, counts in ((hits, meters.hits), (misses, meters.misses)):
            for kind, count in sorted(counts.items()):
                family.add_metric((kind,), count)
        age = GaugeMetricFamily(
            "data_api_snapshot_age_seconds", "Seconds since the contract's newest tick was received.", labels=("symbol",)
        )
        now_ns = self._clock.now_ns()
        for symbol, received_ns in sorted(meters.newest_ns.items()):
            age.add_metric((symbol,), max(0.0, (now_ns - received_ns) / 1e9))
        requests = CounterMetricFamily("data_api_requests", "Requests answered.", labels=("kind", "status"))
        for (kind, status), count in sorted(meters.requests.items()):
            requests.add_metric((kind, str(status)), count)
        seconds = HistogramMetricFamily("data_api_request_seconds", "How long answers took.", labels=("kind",))
        for kind, timing in sorted(meters.timings.items()):
            seconds.add_metric((kind,), _buckets(timing), timing.sum_s)
        return (ratio, hits, misses, age, requests, seconds)


def _buckets(timing: Timing) -> list[tuple[str, float]]:
    told, sum_so_far = [], 0
    for most, count in zip((*map(str, BUCKETS_S), "+Inf"), timing.counts, strict=True):
        sum_so_far += count
        told.append((most, float(sum_so_far)))
    return told
