"""A backtest's result as one HTML page that needs nothing but itself."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tradepit.bots.backtest.charts import Mark, Point, TimeAxis, chart
from tradepit.bots.backtest.result import BacktestResult
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.terms import Side

_ROWS = 500
_MARKS = 3_000
_STYLE = """
:root{color-scheme:light dark;--fg:#1a1a1a;--bg:#fff;--dim:#777;--grid:#e4e4e4;--line:#1f6feb;--up:#1a7f37;--down:#cf222e}
@media(prefers-color-scheme:dark){:root{--fg:#e6e6e6;--bg:#111417;--dim:#8b949e;--grid:#2a2f36;--line:#58a6ff;--up:#3fb950;--down:#f85149}}
body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:1080px;padding:0 1rem;color:var(--fg);background:var(--bg)}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}p.dim{color:var(--dim);margin:.2rem 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.15rem .9rem .15rem 0;text-align:right}
th{color:var(--dim);font-weight:500}td:first-child,th:first-child{text-align:left}.pair{display:flex;gap:3rem;flex-wrap:wrap}
svg{width:100%;height:auto;display:block}svg text{font-size:11px;fill:var(--dim)}.grid{stroke:var(--grid)}
.day{stroke:var(--grid);stroke-dasharray:3 3}.line{fill:none;stroke:var(--line);stroke-width:1.3}.drawdown .line{stroke:var(--down)}
.buy{fill:var(--up)}.sell{fill:var(--down)}.won{color:var(--up)}.lost{color:var(--down)}.warn{color:var(--down);font-weight:600}
code{font-size:.85em;word-break:break-all}
"""


def page(result: BacktestResult) -> str:
    """The whole page."""
    zone = _zone(result)
    axis = TimeAxis([point.time_ns for point in result.equity] + [point.time_ns for point in result.prices], zone)
    title = f"{escape(result.bot)} · backtest"
    span = f"{axis.tell(result.first_ns)} – {axis.tell(result.last_ns)} {zone.key} · {result.ticks:,} ticks"
    run = f"seed {result.seed} · latency {result.latency_ms:g} ms · digest <code>{result.digest}</code>"
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head><body>',
        f"<h1>{title}</h1>",
        f'<p class="dim">{span} · {run}</p>',
        *_warnings(result),
        '<div class="pair">',
        _fields("Statistics", _told(msgspec.structs.asdict(result.statistics))),
        _fields("Parameters", _told(result.params | {"account": result.account, "deposit": result.deposit})),
        _fields("Host", _told({name: value for name, value in result.host.items() if name != "bot"})),
        "</div>",
        f"<h2>Equity ({escape(result.currency)})</h2>",
        chart(axis, [(point.time_ns, float(point.balance)) for point in result.equity], height=240, kind="equity"),
        "<h2>Drawdown</h2>",
        chart(axis, _drawdown(result), height=140, kind="drawdown"),
    ]
    for symbol in result.instruments:
        parts += [f"<h2>{escape(symbol)}: price and fills</h2>", _prices(result, symbol, axis)]
    parts += ["<h2>Round trips</h2>", _trips(result, axis), "<h2>Fills</h2>", _fills(result, axis), "</body></html>"]
    return "\n".join(parts)


def _zone(result: BacktestResult) -> ZoneInfo:
    instrument = next(iter(result.instruments.values()))
    return load_catalog().calendar.days(instrument.product.session_group).zone


def _warnings(result: BacktestResult) -> Iterable[str]:
    host = result.host
    if not result.sound:
        yield f'<p class="warn">The bot raised {host["exceptions"]} exceptions. Last: {escape(host["last_error"])}</p>'
    if result.refused_rows or result.refused_ticks:
        refused = {**result.refused_rows, **{f"tick {field}": count for field, count in result.refused_ticks.items()}}
        yield f'<p class="warn">Not every row could be used: {escape(str(refused))}</p>'
    if result.other_references:
        days = ", ".join(f"{symbol} {day}" for symbol, day in result.other_references)
        yield f'<p class="warn">Previous settlement unlike the recording\'s, whose former day is incomplete: {escape(days)}</p>'


def _drawdown(result: BacktestResult) -> list[Point]:
    height, points = 0.0, []
    for point in result.equity:
        height = max(height, float(point.balance))
        points.append((point.time_ns, float(point.balance) - height))
    return points


def _prices(result: BacktestResult, symbol: str, axis: TimeAxis) -> str:
    instrument = result.instruments[symbol]
    points = [(point.time_ns, float(instrument.to_price(point.last_ticks))) for point in result.prices if point.symbol == symbol]
    marks: list[Mark] = []
    for trade in [trade for trade in result.trades if trade.symbol == symbol][:_MARKS]:
        price = float(instrument.to_price(trade.price_ticks))
        text = f"{axis.tell(trade.time_ns)} {trade.side.value} {trade.volume_lots} @ {price:g} {trade.offset.value}"
        marks.append((trade.time_ns, price, trade.side is Side.BUY, text))
    return chart(axis, points, height=320, kind="price", marks=marks)


def _trips(result: BacktestResult, axis: TimeAxis) -> str:
    rows = [
        (axis.tell(trip.time_ns), trip.symbol, trip.side, trip.lots, f"{trip.entry:g}", f"{trip.exit:g}", _money(trip.profit))
        for trip in result.round_trips[:_ROWS]
    ]
    return _table(("closed", "contract", "side", "lots", "entry", "exit", "profit before fees"), rows, len(result.round_trips))


def _fills(result: BacktestResult, axis: TimeAxis) -> str:
    rows = [
        (
            axis.tell(trade.time_ns),
            trade.symbol,
            trade.side.value,
            trade.offset.value,
            trade.volume_lots,
            f"{float(result.instruments[trade.symbol].to_price(trade.price_ticks)):g}",
            _money(trade.fee),
            trade.client_order_id,
        )
        for trade in result.trades[:_ROWS]
    ]
    return _table(("time", "contract", "side", "offset", "lots", "price", "fee", "order"), rows, len(result.trades))


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]], total: int) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    more = f'<p class="dim">the first {len(rows):,} of {total:,}; the Parquet files have all</p>' if total > len(rows) else ""
    return f"<table><tr>{head}</tr>{body}</table>{more}"


def _fields(title: str, fields: Mapping[str, str]) -> str:
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in fields.items())
    return f"<div><h2>{title}</h2><table>{rows}</table></div>"


def _told(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name.replace("_", " "): _money(value) if not isinstance(value, str) else value for name, value in fields.items()}


def _money(value: Any) -> str:  # noqa: ANN401 - whatever is shown
    if value is None:
        return "–"
    if isinstance(value, bool | dict | list | int):
        return str(value)
    try:
        return f"{float(value):,.2f}"
    except (TypeError, ValueError):
        return str(value)
