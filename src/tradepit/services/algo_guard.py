"""The order path's own word on an algorithm's children: whatever workers believe, more than the parent's volume never gets in."""

from decimal import Decimal

import msgspec

from tradepit.trading.algos.child import ChildId
from tradepit.trading.model.errors import RiskRefused
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import Offset, Side
from tradepit.trading.orders.register import AlgoRecord, Key, OrderRegister
from tradepit.wire.simulator import AlgoOrder
from tradepit.wire.simulator_codec import decode, lots_of, side_of


class Terms(msgspec.Struct, kw_only=True):
    """What an algorithm order allows now: its request with every recorded control applied. ``price`` None is no limit."""

    symbol: str
    side: Side
    offset: Offset
    volume_lots: int
    price: Decimal | None
    paused: bool = False
    cancelled: bool = False


def check_child(register: OrderRegister, intent: OrderIntent) -> None:
    """Raises RiskRefused unless ``intent`` is no child of a known algorithm, or one its terms have room for.

    To be called on the active leader for ids not yet known, right before the review, with nothing in between: what it counts is
    every child ever recorded, so two workers that both believe to own an algorithm share one budget. The refusal is not recorded;
    the id stays free. Codes: ALGO_ENDED, ALGO_CANCELLED, ALGO_PAUSED, ALGO_CHILD_NOT_VALID, ALGO_LIMIT_PRICE, ALGO_OVERFILL.
    """
    record = _parent(register, intent)
    if record is None:
        return
    terms = terms_of(record)
    if record.state:
        raise RiskRefused("ALGO_ENDED", "The algorithm is over.", algo_id=record.algo_id, state=record.state)
    if terms.cancelled:
        raise RiskRefused("ALGO_CANCELLED", "The algorithm was cancelled.", algo_id=record.algo_id)
    if terms.paused:
        raise RiskRefused("ALGO_PAUSED", "The algorithm is paused.", algo_id=record.algo_id)
    same = (intent.symbol, intent.side, intent.offset) == (terms.symbol, terms.side, terms.offset)
    if not same or intent.reference != record.algo_id or ChildId.parse(intent.client_order_id, record.algo_id) is None:
        raise RiskRefused("ALGO_CHILD_NOT_VALID", "The order is not such as this algorithm sends.", algo_id=record.algo_id)
    _check_price(register, intent, terms)
    filled, working = child_lots(register, record)
    if filled + working + intent.volume_lots > terms.volume_lots:
        raise RiskRefused(
            "ALGO_OVERFILL",
            "The algorithm would trade more than its volume.",
            algo_id=record.algo_id,
            volume=terms.volume_lots,
            filled=filled,
            working=working,
        )


def terms_of(record: AlgoRecord) -> Terms:
    """The terms of a recorded algorithm."""
    order = decode(record.body.encode(), AlgoOrder)
    terms = Terms(
        symbol=order.symbol,
        side=side_of(order.direction),
        offset=Offset(order.offset),
        volume_lots=lots_of(order.volume),
        price=order.price,
    )
    for body in record.controls:
        control = decode(body.encode(), AlgoOrder)
        if control.action == "amend":
            terms.volume_lots = lots_of(control.volume) if control.volume else terms.volume_lots
            terms.price = terms.price if control.price is None else control.price
        else:
            terms.cancelled = terms.cancelled or control.action == "cancel"
            terms.paused = control.action == "pause"
    return terms


def children_of(register: OrderRegister, record: AlgoRecord) -> list[Order]:
    """Every child ever recorded, in the order of their ids."""
    family = register.children.get(record.algo_id, {})
    known = [(ChildId.parse(order.client_order_id, record.algo_id), order) for (_, _), order in family.items()]
    mine = [(child_id, order) for child_id, order in known if child_id is not None and order.intent.account == record.account]
    return [order for _, order in sorted(mine, key=lambda pair: pair[0])]


def child_lots(register: OrderRegister, record: AlgoRecord) -> tuple[int, int]:
    """Lots its children have traded, and lots that may still trade: those of an order in doubt count as working."""
    filled = working = 0
    for key, order in register.children.get(record.algo_id, {}).items():
        if key[0] == record.account:
            traded = _traded(register, key, order)
            filled += traded
            working += max(0, order.intent.volume_lots - traded) if order.active else 0
    return filled, working


def _traded(register: OrderRegister, key: Key, order: Order) -> int:
    """Reports of the order and its trades may each run ahead of the other."""
    return max(order.traded_lots, register.trade_lots.get(key, 0))


def _parent(register: OrderRegister, intent: OrderIntent) -> AlgoRecord | None:
    """The algorithm an order claims to belong to, by its reference or by an id shaped like a child's."""
    family = intent.client_order_id.rsplit("-", 2)[0]
    for algo_id in (intent.reference, family):
        record = register.algos.get(algo_id)
        if record is not None and record.account == intent.account:
            return record
    return None


def _check_price(register: OrderRegister, intent: OrderIntent, terms: Terms) -> None:
    if terms.price is None:
        return
    price = register.instruments[intent.symbol].to_price(intent.price_ticks)
    beyond = price > terms.price if intent.side is Side.BUY else price < terms.price
    if beyond or not intent.order_type.priced:
        raise RiskRefused("ALGO_LIMIT_PRICE", "The order is beyond the algorithm's limit.", limit=terms.price, value=price)
