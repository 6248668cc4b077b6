"""From what a bot wants to orders and cancels: prices to ticks, offsets from what it holds, targets from what works already."""

from tradepit.bots.intents import CancelOrders, Intent, PlaceOrder, Sent, TargetPosition, check_price
from tradepit.bots.market import Market, MarketBoard
from tradepit.bots.own_orders import OwnOrder, OwnOrders
from tradepit.trading.model.errors import BotRefused, OrderNotFound, PriceNotValid
from tradepit.trading.model.terms import Offset, OrderType, Side

# Named for each order: see ``at_hand``.
_BUY, _LIMIT = Side.BUY, OrderType.LIMIT
_MARKET, _FOK = OrderType.MARKET, OrderType.FOK


class BotDesk:
    """Puts orders and cancels into ``orders.outgoing``; an intent is taken as a whole or refused as a whole."""

    def __init__(self, board: MarketBoard, orders: OwnOrders) -> None:
        self._board, self._orders = board, orders

    def want(self, intent: Intent) -> Sent:
        """Do what is wanted. Raises InstrumentNotFound, PriceNotValid, PriceWrongTick, OrderNotFound, BotRefused."""
        if isinstance(intent, PlaceOrder):
            return self._place(intent)
        if isinstance(intent, CancelOrders):
            return self._cancel(intent)
        if isinstance(intent, TargetPosition):
            return self._go_for(intent)
        return intent

    def _place(self, wanted: PlaceOrder) -> Sent:
        market = self._board[wanted.symbol]
        price = check_price(wanted.price)
        order_type = wanted.order_type or (_MARKET if price is None else _LIMIT)
        if (price is None) is order_type.priced:
            raise PriceNotValid(
                "An order at the market has no price, every other one has.", symbol=wanted.symbol, type=order_type
            )
        ticks = 0 if price is None else market.to_ticks(price)
        if wanted.offset is not None:
            parts: tuple[tuple[Offset, int], ...] = ((wanted.offset, wanted.lots),)
        else:
            parts = market.holding.split(wanted.side, wanted.lots)
            if order_type is _FOK and len(parts) > 1:
                raise BotRefused("BOT_FOK_WOULD_SPLIT", "All or nothing cannot be had from two orders.", symbol=wanted.symbol)
        return Sent(order_ids=self._orders.send(market.instrument, wanted.side, parts, order_type, ticks, self._board.now_ns))

    def _cancel(self, wanted: CancelOrders) -> Sent:
        orders = self._orders
        if wanted.order_id:
            order = orders.find(wanted.order_id)
            if order is None:
                raise OrderNotFound(order_id=wanted.order_id[:64])
            return Sent(order_ids=(order.intent.client_order_id,)) if orders.cancel(order) else Sent()
        chosen = [order for order in orders.values() if wanted.symbol in ("", order.symbol)]
        return Sent(order_ids=tuple(order.order_id for order in chosen if orders.cancel(order)))

    def _go_for(self, wanted: TargetPosition) -> Sent:
        market = self._board[wanted.symbol]
        working = self._orders.of(wanted.symbol)
        missing = wanted.lots - market.position
        side = _BUY if missing > 0 else Side.SELL
        price = check_price(wanted.price)
        ticks = market.to_ticks(price) if price is not None else _best(market, side.opposite)
        coming = sum(order.left for order in working if order.side is side)
        astray = [
            order
            for order in working
            if order.side is not side or coming > abs(missing) or not _serves(order, side, ticks, chases=price is None)
        ]
        if astray:
            # What works is called back first; the next call sends what is missing by then.
            return Sent(order_ids=tuple(order.order_id for order in astray if self._orders.cancel(order)))
        lots = abs(missing) - coming
        if lots <= 0:
            return Sent()
        if not ticks:
            raise BotRefused("BOT_NO_PRICE", "Nobody shows a price to trade at.", symbol=market.symbol)
        return self._place(PlaceOrder(symbol=wanted.symbol, side=side, lots=lots, price=market.price(ticks)))


def _best(market: Market, side: Side) -> int:
    """The best price shown on a side in ticks, 0 for none."""
    tick = market.tick
    levels = () if tick is None else tick.bids if side is _BUY else tick.asks
    return levels[0].price_ticks if levels else 0


def _serves(order: OwnOrder, side: Side, ticks: int, *, chases: bool) -> bool:
    """True for a working order that may stay: at the wanted price, or, without one, at a price that trades at once."""
    own = order.intent.price_ticks
    if not chases:
        return own == ticks
    return not ticks or not own or (own >= ticks if side is _BUY else own <= ticks)
