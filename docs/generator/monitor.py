"""The page of the monitor: its HTTP paths, its Prometheus metrics, and the figures heartbeats carry."""

import ast

from generator.source import calls, text_of, trees
from generator.text import code, doc, fields, table
from tradepit.web.instance_view import HealthSummary, InstanceView, ServiceView
from tradepit.web.monitor_routes import ROUTES
from tradepit.wire.registry import HEARTBEAT_INTERVAL_S, STALE_AFTER_S, ServiceInstance

_INTRO = f"""# Monitor

The role `monitor-api` answers read-only HTTP on loopback (`monitor.host`, `monitor.port`; port 0 takes any free one, told in
`monitor-api-1`'s heartbeat). Every instance beats every {HEARTBEAT_INTERVAL_S:g} s on `internal.heartbeat.<service>`;
one that was not heard for {STALE_AFTER_S:g} s is stale. A request whose `Host` is not this door's is refused with
`HOST_NOT_ALLOWED` (403).
"""
_METRICS = """`GET /metrics` is Prometheus's text format. Besides the metrics of this table, every numeric figure of a heartbeat
appears as `tradepit_<figure>` with the labels `service` and `instance`, as long as the instance is not stale.
"""
_BOTS = """A bot runner tells these itself, on `GET /metrics` of its own door (`bots.host`, `bots.port`), with the labels `bot_id` and
`account_id`; orders also by `side` and `symbol`. See [run a bot](../how-to/run-a-bot.md).
"""
_SOURCES = {
    "order-management": "services/order_management.py",
    "trading-gateway": "services/trading_gateway.py",
    "market-data": "services/market_data.py",
    "market-recorder": "services/market_recorder.py",
    "execution-algo": "services/execution_algo.py",
    "risk-monitor": "services/risk_monitor.py",
    "trading-agents": "services/trading_agents.py",
    "bot-runner": "services/bot_runner.py",
    "market-cache": "services/market_cache.py",
    "data-api": "web/data_api.py",
}


def page() -> str:
    """The page."""
    paths = [(", ".join(code(path) for path in sorted(route.paths)), route.summary, doc(route.fn)) for route in ROUTES]
    parts = [_INTRO, "## Paths", table(("GET", "what", "answer"), paths)]
    parts += ["## Answers"]
    parts += [
        f"### {each.__name__}\n\n{doc(each)}\n\n{fields(each)}"
        for each in (InstanceView, ServiceView, HealthSummary, ServiceInstance)
    ]
    parts += [
        "## Metrics",
        _METRICS,
        metrics("web/prometheus_page.py"),
        "## Metrics of bots",
        _BOTS,
        metrics("web/bot_page.py"),
        "## Figures of the roles",
        _figures(),
    ]
    return "\n\n".join(parts)


def metrics(source: str) -> str:
    """The metrics that are plain to see in a source."""
    rows = []
    for _, tree in trees(source):
        for call in calls(tree, "GaugeMetricFamily", "CounterMetricFamily", "HistogramMetricFamily"):
            name = text_of(call.args[0], {})
            if name:
                kind = ast.unparse(call.func).removesuffix("MetricFamily").lower()
                rows.append((code(name + ("_total" if kind == "counter" else "")), kind, text_of(call.args[1], {})))
    return table(("metric", "type", "meaning"), sorted(rows))


def _figures() -> str:
    """The figures that are plain to see in each role's source; some roles add one per code or symbol."""
    rows = []
    for role, source in _SOURCES.items():
        [(_, tree)] = trees(source)
        names: dict[str, None] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name in ("health", "_figures"):
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Dict):
                        names |= dict.fromkeys(text_of(key, {}) for key in inner.keys if key is not None)
        rows.append((code(role), ", ".join(code(name) for name in names if name)))
    return table(("role", "figures"), rows)
