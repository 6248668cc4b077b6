"""From rows of records to the sheets of reports: columns with their kinds, and values that are exact."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec

from tradepit.trading.ledger.statement import SettlementStatement
from tradepit.trading.records.rows import ExecutionRow, PnlRow
from tradepit.wire.instants import to_text

By = Literal["bot", "account", "day"]
Kind = Literal["text", "whole", "number", "money"]
Value = str | int | Decimal | None
_CENT = Decimal("0.01")
_KEYS: dict[By, tuple[str, ...]] = {"bot": ("account", "bot"), "account": ("account",), "day": ("trading_day",)}


class SheetColumn(msgspec.Struct, frozen=True):
    """A column. ``number`` is as exact as it comes, ``money`` has two decimals. ``aside``: tables, which are for people, do without."""

    name: str
    kind: Kind = "text"
    aside: bool = False


class Sheet(msgspec.Struct, frozen=True):
    """A report: one row for each thing that is told. ``upright``: as a table its one row is read downwards."""

    title: str
    columns: tuple[SheetColumn, ...]
    rows: list[tuple[Value, ...]]
    upright: bool = False


def pnl_sheet(rows: Sequence[PnlRow], by: By, prices: Mapping[str, Decimal]) -> Sheet:
    """Results summed by bot, account or day, and by currency. Lots of a running day count at ``prices`` (quoted units)."""
    keys = (*_KEYS[by], "currency")
    groups: dict[tuple[Any, ...], list[PnlRow]] = {}
    for row in rows:
        groups.setdefault(tuple(getattr(row, key) for key in keys), []).append(row)
    columns = (
        *(SheetColumn(key, "whole" if key == "trading_day" else "text") for key in keys),
        *(SheetColumn(name, "money") for name in ("realized", "mark_to_market", "fees", "net")),
        SheetColumn("volume", "whole"),
        SheetColumn("fills", "whole"),
        SheetColumn("settled"),
    )
    told: list[tuple[Value, ...]] = [(*key, *_sum(groups[key], prices)) for key in sorted(groups)]
    return Sheet(f"Results by {by}", columns, told)


def settlement_sheet(statement: SettlementStatement) -> Sheet:
    """The statement as one row, with the lots carried over as text."""
    amounts = ("opening", "deposits", "withdrawals", "realised", "mark_to_market", "fees", "closing", "margin", "available")
    held = ", ".join(f"{each.symbol} {each.side.value} {each.today_lots}+{each.yesterday_lots}" for each in statement.positions)
    columns = (
        SheetColumn("account"),
        SheetColumn("trading_day", "whole"),
        SheetColumn("currency"),
        *(SheetColumn(name, "money") for name in amounts),
        SheetColumn("positions"),
    )
    told = (statement.account, statement.trading_day, statement.currency)
    row: tuple[Value, ...] = (*told, *(_cents(getattr(statement, name)) for name in amounts), held)
    return Sheet(f"Settlement of {statement.account} on {statement.trading_day}", columns, [row], upright=True)


def executions_sheet(rows: Iterable[ExecutionRow]) -> Sheet:
    """Fills, one row each; instants in UTC."""
    columns = (
        SheetColumn("trading_day", "whole"),
        SheetColumn("filled_at"),
        *(SheetColumn(name) for name in ("account", "bot", "client_order_id", "symbol", "side")),
        SheetColumn("exchange", aside=True),
        SheetColumn("offset", aside=True),
        SheetColumn("qty", "whole"),
        SheetColumn("price", "number"),
        SheetColumn("fee", "number"),
        *(SheetColumn(name, aside=True) for name in ("trade_id", "order_id", "id")),
    )
    told: list[tuple[Value, ...]] = [
        (
            row.trading_day,
            to_text(row.filled_at),
            row.account,
            row.bot,
            row.order[1],
            row.symbol,
            row.side,
            row.exchange,
            row.offset,
            row.fill_qty,
            row.fill_price,
            row.fee,
            row.trade_id,
            row.order_id,
            row.id,
        )
        for row in rows
    ]
    return Sheet("Executions", columns, told)


def _sum(rows: Sequence[PnlRow], prices: Mapping[str, Decimal]) -> tuple[Value, ...]:
    realized = sum((row.realized for row in rows), Decimal(0))
    marked = sum((_marked(row, prices) for row in rows), Decimal(0))
    fees = sum((row.fees for row in rows), Decimal(0))
    settled = all(row.settled for row in rows)
    return (
        _cents(realized),
        _cents(marked),
        _cents(fees),
        _cents(realized + marked - fees),
        sum(row.volume for row in rows),
        sum(row.fills for row in rows),
        "yes" if settled else "no",
    )


def _marked(row: PnlRow, prices: Mapping[str, Decimal]) -> Decimal:
    if row.mark_to_market is not None:
        return row.mark_to_market
    price = prices.get(row.symbol)
    return row.lots * price * row.multiplier - row.day_cost if price is not None and row.lots else Decimal(0)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT)
