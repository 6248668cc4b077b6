"""The page of the Data API: its paths and parameters, its answers, its metrics, and the names of the hot window in the cache."""

import inspect
from typing import get_args

from litestar.handlers import HTTPRouteHandler
from litestar.params import ParameterKwarg

from generator.monitor import metrics
from generator.text import code, doc, fields, kind, table
from tradepit.ports.series import Aggregate
from tradepit.web.data_routes import AGE_HEADER, ROUTES
from tradepit.wire import data_api, market_series

_INTRO = f"""# Data API

The role `data-api` answers read-only HTTP on loopback (`data_api.host`, `data_api.port`); `market-cache` writes what it tells. See
[serve market data](../how-to/serve-market-data.md). The OpenAPI document is at `/schema/openapi.json`. A question at fault is refused
with 400 or 404 and a [stable code](errors.md), one that cannot be answered now with 503; nothing old is told as if it were new: the
headers `Age` (seconds) and `{AGE_HEADER}` say how long ago the contract's newest tick was received. A parameter that a path does not
have, or one told twice, is refused. A request whose `Host` is not this door's is refused with `HOST_NOT_ALLOWED` (403).
"""
_WINDOW = """Keys as any program reads them with RedisTimeSeries' commands, or, on a server without the module, sorted sets under the
same names (`<instant>:<number>` by instant). `{t}` is the contract's symbol in lower case. Instants are the ticks' own, in
milliseconds. With the module and in database 0 the bars are its compaction rules: without `LATEST` a bar is there once the next has
begun. Elsewhere the writer makes them.
"""
_ANSWERS = (
    data_api.Snapshot,
    data_api.DepthView,
    data_api.Level,
    data_api.SessionView,
    data_api.TickWindow,
    data_api.BarPage,
    data_api.Bar,
    data_api.InstrumentPage,
    data_api.InstrumentView,
    data_api.DataVerdict,
    data_api.KeptTick,
)


def page() -> str:
    """The page."""
    paths = [
        (", ".join(code(path.replace(":str", "")) for path in sorted(route.paths)), route.summary, doc(route.fn))
        for route in ROUTES
    ]
    parts = [_INTRO, "## Paths", table(("GET", "what", "answer"), paths), "## Parameters", _parameters(), "## Answers"]
    parts += [f"### {each.__name__}\n\n{doc(each)}\n\n{fields(each)}" for each in _ANSWERS]
    parts += ["## Metrics", metrics("web/data_page.py"), "## The hot window in the cache", _WINDOW, _keys()]
    return "\n\n".join(parts)


def _parameters() -> str:
    rows = []
    for route in ROUTES:
        rows += [(code(min(route.paths).split("/{", 1)[0]), *row) for row in _of(route)]
    return table(("path", "parameter", "type", "meaning"), rows)


def _of(route: HTTPRouteHandler) -> list[tuple[str, str, str]]:
    rows = []
    for name, parameter in inspect.signature(route.fn).parameters.items():
        if name not in route.opt.get("query", ()):
            continue
        told, *rest = get_args(parameter.annotation)
        found = next(each for each in rest if isinstance(each, ParameterKwarg))
        bounds = f", {found.ge} to {found.le}" if found.le is not None else ""
        rows.append((code(name), kind(told).replace(" or null", "") + bounds, found.description or ""))
    return rows


def _keys() -> str:
    last, first = Aggregate.LAST, Aggregate.FIRST
    rows = [
        (code(market_series.series_key("{t}", market_series.PRICE)), "the last price"),
        (code(market_series.series_key("{t}", market_series.VOLUME)), "the day's lots so far"),
        *((code(market_series.series_key("{t}", metric)), f"the best quote's {metric}") for metric in market_series.QUOTES),
        (
            code(market_series.rollup_key("{t}", market_series.PRICE, "1m", first)),
            "bars of a minute: `first`, `max`, `min`, `last`",
        ),
        (code(market_series.rollup_key("{t}", market_series.PRICE, "1s", first)), "bars of a second, likewise"),
        (
            code(market_series.rollup_key("{t}", market_series.VOLUME, "1m", last)),
            "the day's lots at the end of the bar; `1s` too",
        ),
        (code(market_series.newest_tick_key("{t}")), "the newest tick, a [KeptTick](#kepttick) as JSON"),
        (code(market_series.newest_depth_key("{t}")), "the exchange's own book, likewise"),
        (code(market_series.newest_phase_key("{t}")), "the session's phase, as on `market.phase.*`"),
    ]
    return table(("key", "holds"), rows)
