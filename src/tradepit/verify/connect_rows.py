"""Reads the broker connect's tables, ``order_history`` and ``order_event``, as any other program reads them."""

import asyncio
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from tradepit.verify.connect_facts import Event, Outside, Row
from tradepit.verify.entries import UnreadableError

_ROWS = (
    'SELECT id, exchange_order_id, portfolio_id, symbol, direction, "offset", status, volume_orign, volume_left, '
    "filled_quantity, limit_price, trade_price FROM order_history"
)
_EVENTS = "SELECT order_id, status, msg FROM order_event ORDER BY id"


def read_rows(url: str, outside: Outside) -> None:
    """Add what the tables at ``url`` (as the settings' ``store``) hold. Raises UnreadableError."""
    asyncio.run(_read(url, outside))


async def _read(url: str, outside: Outside) -> None:
    import sqlalchemy as sa  # noqa: PLC0415 - an extra
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - an extra

    engine = create_async_engine(url)
    shown = engine.url.render_as_string(hide_password=True)
    try:
        async with engine.connect() as connection:
            _take_rows(await connection.execute(sa.text(_ROWS)), outside)
            _take_events(await connection.execute(sa.text(_EVENTS)), outside)
    except (sa.exc.SQLAlchemyError, OSError) as error:
        raise UnreadableError(shown, 0, f"{type(error).__name__}") from error
    finally:
        await engine.dispose()


def _take_rows(found: Iterable[Any], outside: Outside) -> None:
    for name, number, portfolio, symbol, direction, offset, status, volume, left, filled, limit, price in found:
        outside.rows[name] = Row(
            number or "",
            portfolio,
            symbol,
            direction,
            offset,
            status,
            volume or 0,
            left or 0,
            filled or 0,
            _price(limit),
            _price(price),
        )


def _take_events(found: Iterable[Any], outside: Outside) -> None:
    for order_id, kind, body in found:
        told = json.loads(body) if isinstance(body, str) else body or {}
        event = Event(kind, int(told.get("filled_quantity") or 0), str(told.get("reason") or ""))
        outside.events.setdefault(order_id, []).append(event)


def _price(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))
