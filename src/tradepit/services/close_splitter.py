"""Submits orders with closes split where the exchange needs it: position asked, lots reserved, children journaled as one."""

import asyncio

from loguru import logger

from tradepit.ports.broker import Broker
from tradepit.ports.clock import Clock
from tradepit.services.order_leader import OrderLeader
from tradepit.trading.ledger.close_split import CloseReservations, split_close
from tradepit.trading.model.errors import DuplicateId, RiskRefused, TradepitError
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.parent_order import fold_parent
from tradepit.wire.tq import child_order_id, child_order_ids

_RULE = "close_split"


class CloseSplitter:
    """In front of a leader. The plan of a split is its children in the journal: told again, an order has the children it had."""

    def __init__(self, leader: OrderLeader, broker: Broker, clock: Clock) -> None:
        self._leader, self._broker, self._clock = leader, broker, clock
        self._reservations = CloseReservations()
        self._turn = asyncio.Lock()
        self.splits = 0
        for order in leader.desk.register.orders.values():
            self._reservations.follow(order)

    def follow(self, order: Order) -> None:
        """Fold what has become of an order."""
        self._reservations.follow(order)

    async def submit(self, intent: OrderIntent) -> Order:
        """Submit, split if need be. The order, or the parent folded from its children. Twice is once.

        Raises RiskRefused (journaled), DuplicateId, IdNotValid (no room for a child's suffix), OutcomeUnknown (in hand), Unavailable,
        NotActive.
        """
        if intent.offset is not Offset.CLOSE and self._children(intent):
            # Only the parts of a split close are journaled, so the leader does not know that its id was used.
            raise DuplicateId(client_order_id=intent.client_order_id)
        if not intent.offset.closes:
            return await self._leader.submit(intent)
        # One close at a time: the next one is judged by a position that this one's answer is a part of.
        async with self._turn:
            children = self._planned(intent)
            if not children:
                if self._leader.desk.known(intent) is not None:
                    return await self._leader.submit(intent)
                children = await self._split(intent)
            try:
                orders = await self._leader.submit_together(children)
            finally:
                self._release_unsent(children)
        return orders[0] if children == (intent,) else fold_parent(intent, orders)

    def _release_unsent(self, children: tuple[OrderIntent, ...]) -> None:
        """What did not come into the journal will not be sent."""
        for child in children:
            if self._leader.desk.register.find(child.account, child.client_order_id) is None:
                self._reservations.release(child)

    async def _split(self, intent: OrderIntent) -> tuple[OrderIntent, ...]:
        instrument = await self._leader.instrument(intent.symbol)
        rule = instrument.product.close_rule
        # Held before the question, so that the answer is at least as new as every close that was let go.
        held = self._held(intent)
        position = None if rule is CloseRule.NET else await self._position(intent)
        held |= self._held(intent)
        try:
            children = split_close(intent, rule, position, held.values(), child_order_id)
        except RiskRefused as error:
            await self._refuse(intent, error)
            raise
        for child in children:
            # The suffix may make an id too long to be one.
            check_id(child.client_order_id, "order_id")
        for child in children:
            self._reservations.reserve(child)
        self.splits += len(children) > 1
        return children

    def _held(self, intent: OrderIntent) -> dict[str, OrderIntent]:
        held = self._reservations.held(intent.account, intent.symbol, intent.side)
        return {each.client_order_id: each for each in held}

    def _planned(self, intent: OrderIntent) -> tuple[OrderIntent, ...]:
        """The children this order has already. Raises DuplicateId when they are another order's."""
        children = self._children(intent)
        if not children:
            return ()
        told = {(child.symbol, child.side, child.price_ticks, child.reference) for child in children}
        if told != {(intent.symbol, intent.side, intent.price_ticks, intent.client_order_id)} or intent.volume_lots != sum(
            child.volume_lots for child in children
        ):
            raise DuplicateId(client_order_id=intent.client_order_id)
        return children

    def _children(self, intent: OrderIntent) -> tuple[OrderIntent, ...]:
        find = self._leader.desk.register.find
        found = [find(intent.account, name) for name in child_order_ids(intent.client_order_id)]
        return tuple(order.intent for order in found if order is not None)

    async def _position(self, intent: OrderIntent) -> Position | None:
        side = intent.side.opposite
        try:
            positions = await self._broker.positions(intent.account)
        except TradepitError as error:
            logger.warning("the position of {} is not known: {}", intent.symbol, error)
            return None
        flat = Position(account=intent.account, symbol=intent.symbol, exchange=intent.exchange, side=side)
        return next((held for held in positions if (held.symbol, held.side) == (intent.symbol, side)), flat)

    async def _refuse(self, intent: OrderIntent, error: RiskRefused) -> None:
        details = " ".join(f"{key}={value}" for key, value in error.details.items())
        refused = facts.OrderRefused(
            time_ns=self._clock.now_ns(),
            intent=intent,
            code=error.reason_code,
            rule=_RULE,
            limit=details,
            value=str(intent.volume_lots),
            message=error.message,
        )
        await self._leader.write(refused)
