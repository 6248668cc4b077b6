"""A backtest's result as files: Parquet for programs, one HTML page for people, JSON for both."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from tradepit.bots.backtest.report_page import page
from tradepit.bots.backtest.result import BacktestResult

_UTC = pl.Datetime("ns", "UTC")
_LISTS = ("trades", "orders", "equity", "prices", "round_trips", "instruments")


def summary(result: BacktestResult) -> dict[str, Any]:
    """The result without its long lists."""
    told: dict[str, Any] = msgspec.to_builtins(result, builtin_types=())
    return {name: value for name, value in told.items() if name not in _LISTS}


def write_report(result: BacktestResult, folder: Path) -> list[Path]:
    """``report.html``, ``summary.json``, and ``fills``, ``orders``, ``equity``, ``round_trips`` as Parquet. The paths written.

    Files of a former run are replaced. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    frames = {"fills": _fills(result), "orders": _orders(result), "equity": _equity(result), "round_trips": _trips(result)}
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
    (folder / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary(result)), indent=2) + b"\n")
    (folder / "report.html").write_text(page(result), encoding="utf-8")
    return [folder / "report.html", folder / "summary.json", *(folder / f"{name}.parquet" for name in frames)]


def write_sweep(rows: Sequence[Mapping[str, Any]], folder: Path) -> Path:
    """``sweep.parquet``: a row for each run, its parameters as ``param_*``; the path written. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "sweep.parquet"
    pl.DataFrame([_flat(row) for row in rows], infer_schema_length=None, strict=False).write_parquet(path)
    return path


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat = {f"param_{name}": value for name, value in row["params"].items()}
    flat |= {name: row[name] for name in ("error", "message", "digest", "sound")}
    return flat | {name: _number(value) for name, value in row["statistics"].items() if not isinstance(value, dict)}


def _number(value: object) -> object:
    """Money comes as text, to keep its digits in JSON; in a table it is a number."""
    return float(value) if isinstance(value, str) else value


def _fills(result: BacktestResult) -> pl.DataFrame:
    rows = [
        (
            trade.time_ns,
            trade.trading_day,
            trade.symbol,
            trade.side.value,
            trade.offset.value,
            float(result.instruments[trade.symbol].to_price(trade.price_ticks)),
            trade.volume_lots,
            float(trade.fee),
            trade.client_order_id,
            trade.trade_id,
        )
        for trade in result.trades
    ]
    schema = {
        "time": pl.Int64,
        "trading_day": pl.Int64,
        "symbol": pl.String,
        "side": pl.String,
        "offset": pl.String,
        "price": pl.Float64,
        "lots": pl.Int64,
        "fee": pl.Float64,
        "order_id": pl.String,
        "trade_id": pl.String,
    }
    return _timed(rows, schema)


def _orders(result: BacktestResult) -> pl.DataFrame:
    rows = [
        (
            order.intent.created_ns,
            order.client_order_id,
            order.intent.symbol,
            order.intent.side.value,
            order.intent.offset.value,
            order.intent.order_type.value,
            float(result.instruments[order.intent.symbol].to_price(order.intent.price_ticks))
            if order.intent.price_ticks
            else None,
            order.intent.volume_lots,
            order.traded_lots,
            order.status.value,
            order.reason,
        )
        for order in result.orders
        if order.intent.symbol in result.instruments
    ]
    schema = {
        "time": pl.Int64,
        "order_id": pl.String,
        "symbol": pl.String,
        "side": pl.String,
        "offset": pl.String,
        "type": pl.String,
        "price": pl.Float64,
        "lots": pl.Int64,
        "filled": pl.Int64,
        "status": pl.String,
        "reason": pl.String,
    }
    return _timed(rows, schema)


def _equity(result: BacktestResult) -> pl.DataFrame:
    rows = [(point.time_ns, float(point.balance), float(point.margin)) for point in result.equity]
    return _timed(rows, {"time": pl.Int64, "balance": pl.Float64, "margin": pl.Float64})


def _trips(result: BacktestResult) -> pl.DataFrame:
    rows = [
        (trip.time_ns, trip.symbol, trip.side, trip.lots, trip.entry, trip.exit, float(trip.profit))
        for trip in result.round_trips
    ]
    schema = {
        "time": pl.Int64,
        "symbol": pl.String,
        "side": pl.String,
        "lots": pl.Int64,
        "entry": pl.Float64,
        "exit": pl.Float64,
        "profit": pl.Float64,
    }
    return _timed(rows, schema)


def _timed(rows: Sequence[tuple[Any, ...]], schema: Mapping[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict(schema), orient="row").with_columns(pl.col("time").cast(_UTC))
