"""A bot's hand: what it sends through, and what it may know beside the market."""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from loguru import logger as default_logger

from tradepit.bots.identity import BotIdentity
from tradepit.bots.intents import CancelOrders, Price, Sent, place_order
from tradepit.bots.market import Market, MarketBoard
from tradepit.bots.own_orders import OwnOrder, OwnOrders
from tradepit.trading.calendar.local_time import NS_PER_SECOND
from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.terms import Offset, OrderType, Side

Wanted = Callable[[object], Sent]


@dataclass(slots=True)
class Supplies:
    """What a runner gives a bot beside the market. ``state`` (JSON values) is kept over restarts by a live runner.

    ``market_data`` is a client as in ``market_clients``: live, where the runner knows a Data API, one for the contract that is the bot's
    only one or its parameter ``symbol``; else None, as in a backtest. ``extras`` is anything else, by name.
    """

    state: MutableMapping[str, Any] = field(default_factory=dict)
    market_data: Any = None
    extras: MutableMapping[str, Any] = field(default_factory=dict)
    logger: Any = default_logger


class BotContext:
    """What is sent here goes out when the running method returns, in this order and together with what it yields.

    Nothing here raises for an order's fault: the answer says ``refused`` with a stable code, and ``on_event`` is told as well.
    ``chance`` is the bot's own dice, seeded: use it and no other, and a backtest repeats itself.
    """

    def __init__(self, identity: BotIdentity, board: MarketBoard, want: Wanted, supplies: Supplies) -> None:
        self.bot_id, self.account_id = identity.bot_id, identity.account
        chance = f"{identity.seed}:{identity.bot_id}:{identity.account}"
        self.chance = Random(chance)  # noqa: S311 - a strategy's dice, not a secret
        self.logger, self.state = supplies.logger, supplies.state
        self.market_data, self.extras = supplies.market_data, supplies.extras
        self._board, self._want = board, want

    # Sending

    def buy(
        self,
        symbol: str,
        lots: int,
        price: Price | None = None,
        *,
        order_type: OrderType | str | None = None,
        offset: Offset | str | None = None,
    ) -> Sent:
        """Buy. Without a price at the market; ``order_type`` LIMIT, MARKET, FAK, FOK; ``offset`` None: close first, then open."""
        return self._place(symbol, Side.BUY, lots, price, order_type, offset)

    def sell(
        self,
        symbol: str,
        lots: int,
        price: Price | None = None,
        *,
        order_type: OrderType | str | None = None,
        offset: Offset | str | None = None,
    ) -> Sent:
        """Sell, as ``buy``."""
        return self._place(symbol, Side.SELL, lots, price, order_type, offset)

    def cancel(self, order: OwnOrder | Sent | str) -> Sent:
        """Cancel an own order (or all of a ``Sent``). One that is finished, or being cancelled, is left alone."""
        if isinstance(order, Sent):
            if len(order.order_ids) == 1:
                sent = self._want(CancelOrders(order_id=order.order_ids[0]))
                return sent if sent.order_ids else Sent()
            done = [self._want(CancelOrders(order_id=order_id)) for order_id in order.order_ids]
            return Sent(order_ids=tuple(order_id for sent in done for order_id in sent.order_ids))
        if isinstance(order, OwnOrder):
            order = order.order_id
        # Without an id every order would be cancelled: that has a method of its own.
        return self._want(CancelOrders(order_id=str(order))) if order else Sent()

    def cancel_all(self, symbol: str = "") -> Sent:
        """Cancel all working orders of this bot, or those in one contract."""
        return self._want(CancelOrders(symbol=symbol))

    def target_position(self, symbol: str, lots: int, price: Price | None = None) -> Sent:
        """Go for a net position of ``lots`` (negative: short). Saying it again on every tick is how it is meant to be used.

        Working orders count; those that lead away from the target, or wait at another ``price``, are cancelled first, and the
        next call sends what is missing then. Without a price it takes the best of the other side.
        """
        return self._want({"action": "target", "symbol": symbol, "qty": lots, "price": price})

    # Knowing

    @property
    def now_ns(self) -> int:
        """The instant, UTC ns: the machine's live, the virtual one in a backtest. Bots never ask the machine themselves."""
        return self._board.now_ns

    @property
    def now(self) -> datetime:
        """The instant, UTC."""
        seconds, rest = divmod(self._board.now_ns, NS_PER_SECOND)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)

    @property
    def calendar(self) -> TradingCalendar:
        """Sessions and trading days."""
        return self._board.calendar

    @property
    def symbols(self) -> tuple[str, ...]:
        """All contracts there are."""
        return tuple(self._board)

    def market(self, symbol: str) -> Market:
        """A contract's market. Raises InstrumentNotFound."""
        return self._board[symbol]

    @property
    def orders(self) -> OwnOrders:
        """The bot's working orders by id; ``find`` knows lately finished ones too."""
        return self._board.orders

    def position(self, symbol: str) -> int:
        """Net lots the bot holds in a contract by its own trades. Raises InstrumentNotFound."""
        return self._board[symbol].position

    @property
    def pnl(self) -> float:
        """The bot's profit in all contracts: closed, open at the last prices, less fees."""
        return sum(self._board[symbol].pnl for symbol in self._board.orders.positions if symbol in self._board)

    def _place(
        self,
        symbol: str,
        side: Side,
        lots: int,
        price: Price | None,
        order_type: OrderType | str | None,
        offset: Offset | str | None,
    ) -> Sent:
        try:
            wanted: object = place_order(symbol, side, lots, price, order_type, offset)
        except BadRequest:
            # Told as a dict it is refused, counted and shown like any other wish that cannot be read.
            wanted = {"symbol": symbol, "side": side, "qty": lots, "price": price, "type": order_type, "offset": offset}
        return self._want(wanted)
