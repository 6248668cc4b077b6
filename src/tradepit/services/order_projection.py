"""The order projection: order updates from the queue become rows other programs query, and events that are kept once."""

from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha256

import msgspec

from tradepit.ports.bus import Message
from tradepit.ports.store import Store
from tradepit.services.queue_worker import Figures
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.ids import check_id
from tradepit.trading.orders.order_record import OrderEvent, OrderUpdate
from tradepit.wire import tq
from tradepit.wire.tq_codec import ALIVE, FINISHED, encode, from_timestamp, read_update


class OrderProjection:
    """Work at the queue of order updates. Row and event are kept together or not at all.

    A refused request that never was an order (it tells no instant of insertion) leaves an event and no row: its id may be that of
    an order that lives. Events of one kind are told apart by the volume filled, so a monitor that begins anew adds none; refusals by
    what was refused and why, so a request that comes again adds none.
    """

    def __init__(self, rows: Store) -> None:
        self._rows = rows
        self._kept = 0

    async def open(self) -> None:
        await self._rows.connect()

    async def do(self, message: Message) -> None:
        await self.do_together([message])

    async def do_together(self, messages: Sequence[Message]) -> None:
        read = [_read(message) for message in messages]
        await self._rows.keep([row for row, _ in read if row is not None], [event for _, event in read])
        self._kept += len(read)

    async def close(self) -> None:
        await self._rows.close()

    def problem(self) -> str:
        return ""

    def figures(self) -> Figures:
        return {"kept": self._kept}


def _read(message: Message) -> tuple[OrderUpdate | None, OrderEvent]:
    """The row, where there was an order, and the event. Raises BadRequest, IdNotValid."""
    told = read_update(message.payload, tq.OrderUpdate, "ORDER_UPDATE")
    check_id(told.order_id, "order_id")
    check_id(told.portfolio_id, "portfolio_id")
    if told.status not in (ALIVE, FINISHED):
        raise BadRequest("status must be ALIVE or FINISHED", status=told.status[:32])
    was_order = bool(told.insert_date_time) or told.event_type != tq.REJECTED
    event = OrderEvent(
        order_id=told.order_id,
        portfolio_id=told.portfolio_id,
        kind=told.event_type,
        body=message.payload,
        identity=str(told.filled_quantity) if was_order else _what_was_refused(told),
    )
    return _row(told) if was_order else None, event


def _what_was_refused(told: tq.OrderUpdate) -> str:
    return f"refused:{sha256(encode(msgspec.structs.replace(told, timestamp=''))).hexdigest()}"


def _row(told: tq.OrderUpdate) -> OrderUpdate:
    return OrderUpdate(
        order_id=told.order_id,
        portfolio_id=told.portfolio_id,
        symbol=told.symbol,
        side=told.direction,
        offset=told.offset,
        status=told.status,
        finished=told.status == FINISHED,
        volume_lots=told.volume_orign,
        left_lots=told.volume_left,
        filled_lots=told.filled_quantity,
        exchange_order_id=told.exchange_order_id or None,
        limit_price=_price(told.limit_price),
        trade_price=_price(told.trade_price),
        inserted_ns=told.insert_date_time or None,
        told_ns=from_timestamp(told.timestamp),
    )


def _price(price: float | None) -> Decimal | None:
    # Twelve digits are finer than any average of ticks needs to be, and few enough for a row.
    return None if price is None else Decimal(f"{price:.12g}")
