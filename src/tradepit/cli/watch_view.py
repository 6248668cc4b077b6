"""Draws the picture of the house in the terminal: market, book, tape, orders, positions, instances, leader, latencies."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tradepit.cli.watch_model import Market, WatchModel
from tradepit.wire.simulator import OrderData, TickData, TradeData

_BARS = "▁▂▃▄▅▆▇█"
_UP, _DOWN = "red", "green"  # China: red is up
_LEVELS = 5
_WANTED = (
    "epoch",
    "order_p50_us",
    "order_p99_us",
    "in_doubt",
    "orders",
    "commands_per_s",
    "apply_p50_us",
    "apply_p99_us",
    "took_over_ms",
    "sequence",
    "ticks",
)


def draw(model: WatchModel, *, title: str, footer: RenderableType, positions: Sequence[Mapping[str, object]]) -> Layout:
    """The whole screen."""
    layout = Layout()
    layout.split_column(Layout(name="head", size=3), Layout(name="body"), Layout(footer, name="foot", size=4))
    leader, epoch = model.leader()
    head = Text.assemble(
        (" SIMULATION ", "bold black on yellow"),
        f"  {title}   leader ",
        (leader or "none", "bold green" if leader else "bold red"),
        f"  epoch {epoch}   ticks {model.counts['ticks']}  orders {model.counts['orders']}  trades {model.counts['trades']}",
    )
    layout["head"].update(Panel(head))
    layout["body"].split_row(Layout(name="left", ratio=5), Layout(name="middle", ratio=4), Layout(name="right", ratio=5))
    layout["left"].update(Group(*(_market(symbol, market) for symbol, market in sorted(model.markets.items())[:2])))
    layout["middle"].split_column(
        Layout(Panel(_tape(model.trades), title="trades")), Layout(Panel(_orders(model.orders), title="orders"))
    )
    layout["right"].split_column(
        Layout(Panel(_positions(positions), title="positions"), ratio=2),
        Layout(Panel(_instances(model), title="instances"), ratio=4),
        Layout(Panel(_algos(model), title="algorithms"), ratio=1),
    )
    return layout


def sparkline(values: Sequence[float], width: int) -> str:
    """The last ``width`` values as bars."""
    shown = list(values)[-width:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[int((value - low) * scale)] for value in shown)


def _market(symbol: str, market: Market) -> RenderableType:
    tick = market.depth or market.tick
    if tick is None:
        return Panel("waiting for the first tick", title=Text(symbol))
    change = tick.last_price - tick.pre_settlement
    style = _UP if change > 0 else _DOWN
    line = Text.assemble(
        (f"{tick.last_price} ", f"bold {style}"),
        (f"{'▲' if change > 0 else '▼'} {change:+.1f}  ", style),
        f"volume {tick.volume}  limits {tick.limit_down}–{tick.limit_up}\n",
        (sparkline(market.prices, 48), style),
    )
    return Panel(Group(line, _book(tick)), title=Text(f"{symbol} · {tick.exchange} · {market.phase}"))


def _book(tick: TickData) -> Table:
    table = Table.grid(expand=True, padding=(0, 1))
    for justify in ("right", "right", "right", "left"):
        table.add_column(justify=justify)
    most = max([1, *(getattr(tick, f"{side}_volume_{level}") for side in ("bid", "ask") for level in range(1, _LEVELS + 1))])
    for side, levels, style in (("ask", range(_LEVELS, 0, -1), _DOWN), ("bid", range(1, _LEVELS + 1), _UP)):
        for level in levels:
            price, lots = getattr(tick, f"{side}_price_{level}"), getattr(tick, f"{side}_volume_{level}")
            if lots:
                bar = Text("█" * (1 + 14 * lots // most), style=style)
                table.add_row(f"{side} {level}", Text(str(price), style=style), str(lots), bar)
    return table


def _add(table: Table, *cells: object) -> None:
    """A row of plain text: what came over the bus is never read as markup."""
    table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in cells))


def _tape(trades: Sequence[TradeData]) -> Table:
    table = Table.grid(expand=True, padding=(0, 1))
    for trade in trades:
        style = _UP if trade.direction == "LONG" else _DOWN
        _add(table, trade.datetime[11:23], trade.symbol, Text(str(trade.price), style=style), trade.volume, trade.account)
    return table


def _orders(orders: Sequence[OrderData]) -> Table:
    table = Table.grid(expand=True, padding=(0, 1))
    for order in orders:
        style = _UP if order.direction == "LONG" else _DOWN
        done = f"{order.traded}/{order.volume}"
        _add(table, order.symbol, Text(f"{order.price}", style=style), done, order.status, order.account, order.reason)
    return table


def _positions(positions: Sequence[Mapping[str, object]]) -> Table:
    table = Table.grid(expand=True, padding=(0, 1))
    for row in positions[:14]:
        lots = int(str(row.get("today_lots", 0))) + int(str(row.get("yesterday_lots", 0)))
        profit = str(row.get("position_profit", ""))
        _add(table, row.get("account", ""), row.get("symbol", ""), row.get("side", ""), lots, profit)
    return table


def _instances(model: WatchModel) -> Table:
    table = Table.grid(expand=True, padding=(0, 1))
    for name in sorted(model.instances):
        seen = model.instances[name]
        alive = seen in model.fresh(seen.instance.service_name)
        status = seen.instance.status if alive else "SILENT"
        style = {"ACTIVE": "green", "STANDBY": "yellow"}.get(status, "bold red")
        _add(table, name, Text(status, style=style), _figures(seen.instance.metadata))
    return table


def _figures(metadata: Mapping[str, object]) -> str:
    return "  ".join(f"{name} {metadata[name]}" for name in _WANTED if name in metadata)[:60]


def _algos(model: WatchModel) -> Table:
    table = Table.grid(expand=True, padding=(0, 1))
    for algo_id, progress in list(model.algos.items())[-4:]:
        _add(table, algo_id[-12:], *(f"{name} {progress.get(name, '')}" for name in ("status", "filled", "working")))
    return table
