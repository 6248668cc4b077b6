"""The close-today split: one CLOSE where buckets are named becomes up to two orders, from lots that nothing else counts on."""

from collections.abc import Callable, Iterable

import msgspec

from tradepit.trading.ledger.closing import OVER_CLOSE_POSITION, closable, freeze, over_close
from tradepit.trading.ledger.lots import Lot, Lots
from tradepit.trading.model.errors import RiskRefused
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset, Side

POSITION_UNKNOWN = "POSITION_UNKNOWN"
_WORKS = 2
Key = tuple[str, str]
Bucket = tuple[str, str, Side]
ChildId = Callable[[str, Offset], str]


class CloseReservations:
    """Closes that were let through and that the broker's frozen lots may not count yet, by account, contract and side.

    One is held from the moment it is decided until the broker says that it works or has ended. From then on the broker's own
    position tells it: its frozen lots while it works, fewer lots once it traded, nothing when it was refused or cancelled.
    Folding the same news twice changes nothing.
    """

    def __init__(self) -> None:
        self._held: dict[Bucket, dict[str, OrderIntent]] = {}

    def reserve(self, intent: OrderIntent) -> None:
        """Hold the lots of a close that is about to be sent. Orders that close nothing are passed over."""
        if intent.offset.closes:
            self._held.setdefault(_bucket(intent), {})[intent.client_order_id] = intent

    def follow(self, order: Order) -> None:
        """Fold what is known of an order now."""
        if order.status.progress < _WORKS:
            self.reserve(order.intent)
        else:
            self.release(order.intent)

    def release(self, intent: OrderIntent) -> None:
        """Let go of a close: the broker counts it now, or it will never be sent. Nothing happens when it is not held."""
        bucket = _bucket(intent)
        held = self._held.get(bucket)
        if held is not None and held.pop(intent.client_order_id, None) is not None and not held:
            del self._held[bucket]

    def held(self, account: str, symbol: str, side: Side) -> tuple[OrderIntent, ...]:
        """The closes of ``side`` (SELL closes long) still held, in the order in which they were let through."""
        return tuple(self._held.get((account, symbol, side), {}).values())


def split_close(
    intent: OrderIntent, rule: CloseRule, position: Position | None, held: Iterable[OrderIntent], child_id: ChildId
) -> tuple[OrderIntent, ...]:
    """The orders to send for ``intent``: itself, or the children of a CLOSE on an exchange with named buckets (SHFE, INE).

    There CLOSE means yesterday's lots alone, while its sender means the position: today's lots go first, then yesterday's, in the
    order in which the broker-connect document lists the two. Children are named by ``child_id(order id, offset)`` and carry the
    parent's id as their reference. Everything else passes through as it is, an explicit CLOSETODAY included.

    ``position`` is the side being closed as the broker tells it, at least as new as the news folded into ``held``; None when it
    cannot be known. Raises RiskRefused: OVER_CLOSE_POSITION, OVER_CLOSETODAY, OVER_CLOSEYESTERDAY (more lots than there are, less
    the frozen and the held ones; nothing is cut), POSITION_UNKNOWN (a split would be a guess).
    """
    offset, volume = intent.offset, intent.volume_lots
    if not offset.closes or rule is CloseRule.NET:
        return (intent,)
    splits = rule is CloseRule.NAMED and offset is Offset.CLOSE
    if position is None:
        if splits:
            raise RiskRefused(POSITION_UNKNOWN, "The position to close is not known now.", symbol=intent.symbol)
        return (intent,)
    lots = _free_lots(position, rule, held)
    if not splits:
        there = max(0, closable(lots, rule, offset))
        if volume > there:
            raise RiskRefused(over_close(rule, offset, volume, there).reason_code, _TOO_MUCH, wanted=volume, closable=there)
        return (intent,)
    today, history = (max(0, closable(lots, rule, bucket)) for bucket in (Offset.CLOSETODAY, Offset.CLOSE))
    if volume > today + history:
        raise RiskRefused(OVER_CLOSE_POSITION, _TOO_MUCH, wanted=volume, today=today, yesterday=history)
    first = min(volume, today)
    parts = ((Offset.CLOSETODAY, first), (Offset.CLOSE, volume - first))
    return tuple(_child(intent, bucket, part, child_id) for bucket, part in parts if part)


_TOO_MUCH = "More lots to close than there are."


def _child(parent: OrderIntent, offset: Offset, volume: int, child_id: ChildId) -> OrderIntent:
    name = child_id(parent.client_order_id, offset)
    return msgspec.structs.replace(
        parent, client_order_id=name, offset=offset, volume_lots=volume, reference=parent.client_order_id
    )


def _free_lots(position: Position, rule: CloseRule, held: Iterable[OrderIntent]) -> Lots:
    """The broker's lots with everything frozen that works there or was just sent."""
    sign = 1 if position.side is Side.BUY else -1
    lots = Lots(sign, (Lot(0, position.yesterday_lots, 0),), (Lot(0, position.today_lots, 0),))
    lots.frozen_lots, lots.frozen_today_lots = position.frozen_lots, position.frozen_today_lots
    for intent in held:
        freeze(lots, rule, intent.offset, intent.volume_lots)
    return lots


def _bucket(intent: OrderIntent) -> Bucket:
    return intent.account, intent.symbol, intent.side
