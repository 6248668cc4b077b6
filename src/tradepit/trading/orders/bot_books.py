"""What each bot holds and has made on an account, as a fold of trades: virtual, since the account has one position for all of them."""

from decimal import Decimal

import msgspec

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import Side
from tradepit.trading.model.trade import Trade

Key = tuple[str, str, str]


class BotPosition(msgspec.Struct):
    """Net lots of one bot in one contract, their cost, and what closed lots have made. Money in the contract's currency.

    ``open_cost`` is signed (what long lots cost, or short lots brought, at their prices): the unrealised result at a price is
    ``lots * price * multiplier - open_cost``. ``realized`` is before fees.
    """

    lots: int = 0
    open_cost: Decimal = Decimal(0)
    realized: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)

    def add(self, lots: int, worth: Decimal) -> None:
        """Trade ``lots`` (signed) worth ``worth`` each; lots against the position close it at its average cost, first."""
        closing = 0 if self.lots * lots >= 0 else (1 if lots > 0 else -1) * min(abs(lots), abs(self.lots))
        if closing:
            # All of it exactly: a division may not come out even.
            cost = self.open_cost if closing == -self.lots else self.open_cost * -closing / self.lots
            self.realized += -closing * worth - cost
            self.open_cost -= cost
        self.lots += lots
        self.open_cost += (lots - closing) * worth

    def unrealized(self, worth: Decimal) -> Decimal:
        """The result of the lots held, one of them being ``worth`` that much now."""
        return self.lots * worth - self.open_cost


class BotBooks:
    """By account, bot (empty: orders of no bot) and contract: the lots of all bots of an account are the account's net lots."""

    def __init__(self) -> None:
        self.positions: dict[Key, BotPosition] = {}

    def on_trade(self, trade: Trade, order: Order | None, instrument: Instrument) -> None:
        """A trade, told once, of an order (None: of nobody's)."""
        bot = order.intent.bot if order is not None else ""
        key = (trade.account, bot, trade.symbol)
        position = self.positions.get(key)
        if position is None:
            position = self.positions[key] = BotPosition()
        lots = trade.volume_lots if trade.side is Side.BUY else -trade.volume_lots
        position.add(lots, instrument.notional(trade.price_ticks, 1))
        position.fees += Decimal(trade.fee)
