"""The bots' page for Prometheus: the metrics of the platform document (section 7.1), and how often bots started or got stuck."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tradepit.bots.live.figures import TICK_BUCKETS_MS, BotFigures
from tradepit.bots.live.seat import BotSeat

_BOT = ("bot_id", "account_id")


class BotPage:
    """Renders the page from the bots as they are at the scrape; it keeps no state and touches no global registry."""

    def __init__(self, seats: Iterable[BotSeat]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_BotCollector(tuple(seats)))

    def render(self) -> bytes:
        """The page in Prometheus's text format."""
        return generate_latest(self._registry)


class _BotCollector(Collector):
    def __init__(self, seats: tuple[BotSeat, ...]) -> None:
        self._seats = seats

    def collect(self) -> Iterable[Metric]:
        yield from self._counted()
        yield from self._gauged()

    def _counted(self) -> Iterator[Metric]:
        latency = HistogramMetricFamily(
            "bot_tick_latency_ms", "Milliseconds from a tick's arrival to the end of on_tick.", labels=_BOT
        )
        intents = CounterMetricFamily("bot_order_intents", "Orders the bot sent.", labels=(*_BOT, "side", "symbol"))
        raised = CounterMetricFamily("bot_on_tick_exceptions", "Exceptions raised by on_tick.", labels=_BOT)
        stuck = CounterMetricFamily("bot_stuck_calls", "Calls of the bot that did not return in time.", labels=_BOT)
        starts = CounterMetricFamily("bot_starts", "How often the bot was started.", labels=_BOT)
        forced = CounterMetricFamily("bot_forced_stops", "Stops that had to be forced.", labels=_BOT)
        for seat in self._seats:
            names, figures = _names(seat), seat.figures
            latency.add_metric(names, _buckets(figures), figures.tick_sum_ms)
            for (side, symbol), count in sorted(figures.intents.items()):
                intents.add_metric((*names, side, symbol), count)
            raised.add_metric(names, figures.exceptions)
            stuck.add_metric(names, figures.stuck_calls)
            starts.add_metric(names, figures.starts)
            forced.add_metric(names, figures.forced_stops)
        return iter((latency, intents, raised, stuck, starts, forced))

    def _gauged(self) -> Iterator[Metric]:
        beats = GaugeMetricFamily("bot_heartbeat_ok", "1 while the bot answers and does what it should.", labels=_BOT)
        realized = GaugeMetricFamily("bot_pnl_realized", "Profit of what was closed, less all fees.", labels=_BOT)
        unrealized = GaugeMetricFamily("bot_pnl_unrealized", "Profit of what is held, at the last prices.", labels=_BOT)
        running = GaugeMetricFamily("bot_running", "1 while on_tick is called, 0 when paused, stopped or at fault.", labels=_BOT)
        stuck = GaugeMetricFamily("bot_stuck", "1 while a call of the bot does not return.", labels=_BOT)
        working = GaugeMetricFamily("bot_working_orders", "Orders that may still trade.", labels=_BOT)
        position = GaugeMetricFamily("bot_position_lots", "Net lots held.", labels=(*_BOT, "symbol"))
        for seat in self._seats:
            names, look = _names(seat), seat.look
            beats.add_metric(names, float(seat.answers))
            realized.add_metric(names, look.realized)
            unrealized.add_metric(names, look.unrealized)
            running.add_metric(names, float(look.phase == "running"))
            stuck.add_metric(names, float(seat.stuck))
            working.add_metric(names, look.working)
            for symbol, lots in sorted(look.positions.items()):
                position.add_metric((*names, symbol), lots)
        return iter((beats, realized, unrealized, running, stuck, working, position))


def _names(seat: BotSeat) -> tuple[str, str]:
    return seat.row.bot_id, seat.row.account


def _buckets(figures: BotFigures) -> list[tuple[str, float]]:
    told, sum_so_far = [], 0
    for most, count in zip((*map(str, TICK_BUCKETS_MS), "+Inf"), figures.tick_counts, strict=True):
        sum_so_far += count
        told.append((most, float(sum_so_far)))
    return told
