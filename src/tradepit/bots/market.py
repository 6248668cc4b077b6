"""What a bot sees of the market: one contract first, the others by name; prices are quoted units as floats."""

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradepit.bots.own_orders import OwnOrder, OwnOrders
from tradepit.bots.position import OwnPosition
from tradepit.bots.windows import DEFAULT_TICKS, Windows
from tradepit.trading.calendar.local_time import NS_PER_SECOND
from tradepit.trading.calendar.sessions import PhaseWindow
from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.model.errors import InstrumentNotFound, PriceNotValid, PriceWrongTick
from tradepit.trading.model.instrument import MAX_TICKS, Instrument
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Level, Tick

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

NAN = float("nan")
_NEARLY = 1e-6  # of a tick: what floats lose by arithmetic, and far less than anybody means


class Market:
    """One contract's market now. ``of(symbol)`` is another's; both stay true as ticks come in, so they may be kept.

    Before the first tick prices are NaN and volumes 0. ``depth`` is what the feed shows (ADR 7), best level first.
    """

    __slots__ = ("_board", "_fresh", "_position", "_windows", "instrument", "over", "symbol", "tick", "under")

    def __init__(self, instrument: Instrument, board: "MarketBoard") -> None:
        self.instrument, self.symbol = instrument, instrument.symbol
        self.over, self.under = instrument.product.tick_size.as_integer_ratio()
        self.tick: Tick | None = None
        self._board = board
        self._fresh: deque[Tick] = deque(maxlen=board.window_ticks)
        self._windows: Windows | None = None
        self._position: OwnPosition | None = None

    def see(self, tick: Tick) -> None:
        """Take over a newer tick."""
        self.tick = tick
        self._fresh.append(tick)

    # The quote

    @property
    def last(self) -> float:
        """The last price."""
        return self.price(self.tick.last_ticks) if self.tick is not None and self.tick.last_ticks else NAN

    @property
    def bid(self) -> float:
        """The best buying price."""
        return self.price(self.tick.bids[0].price_ticks) if self.tick is not None and self.tick.bids else NAN

    @property
    def ask(self) -> float:
        """The best selling price."""
        return self.price(self.tick.asks[0].price_ticks) if self.tick is not None and self.tick.asks else NAN

    @property
    def bid_lots(self) -> int:
        """Lots at the best buying price."""
        return self.tick.bids[0].lots if self.tick is not None and self.tick.bids else 0

    @property
    def ask_lots(self) -> int:
        """Lots at the best selling price."""
        return self.tick.asks[0].lots if self.tick is not None and self.tick.asks else 0

    @property
    def mid(self) -> float:
        """Between the best prices, NaN when a side is empty."""
        return (self.bid + self.ask) / 2

    @property
    def quoted(self) -> bool:
        """True when both sides show a price and the contract trades continuously."""
        tick = self.tick
        return tick is not None and bool(tick.bids and tick.asks) and tick.phase is SessionPhase.CONTINUOUS

    @property
    def tick_size(self) -> float:
        """The smallest step of a price."""
        return self.over / self.under

    @property
    def limits(self) -> tuple[float, float]:
        """The day's lower and upper price limit, NaN when the feed does not tell."""
        tick = self.tick
        if tick is None or not tick.upper_limit_ticks:
            return NAN, NAN
        return self.price(tick.lower_limit_ticks), self.price(tick.upper_limit_ticks)

    def depth(self, levels: int = 5) -> tuple[list[tuple[float, int]], list[tuple[float, int]]]:
        """Bids and asks as (price, lots), best first."""
        if self.tick is None:
            return [], []
        return self._levels(self.tick.bids[:levels]), self._levels(self.tick.asks[:levels])

    # Windows

    def window(self, column: str = "last", ticks: int = 0) -> "np.ndarray[Any, Any]":
        """The newest ``ticks`` values of a column as a numpy array of its own, oldest first; see ``windows.COLUMNS``."""
        return self._caught_up().column(column, ticks)

    def frame(self, ticks: int = 0) -> "pl.DataFrame":
        """The newest ``ticks`` with all columns as a polars frame."""
        return self._caught_up().frame(ticks)

    # Time

    @property
    def now_ns(self) -> int:
        """The bot's instant, UTC ns."""
        return self._board.now_ns

    @property
    def local_time(self) -> datetime:
        """The bot's instant in the exchange's time zone."""
        seconds, rest = divmod(self._board.now_ns, NS_PER_SECOND)
        zone = self._board.calendar.days(self.instrument.product.session_group).zone
        return datetime.fromtimestamp(seconds, zone).replace(microsecond=rest // 1000)

    @property
    def phase(self) -> SessionPhase:
        """What the contract's session does at the bot's instant, by the calendar."""
        return self.session.phase

    @property
    def session(self) -> PhaseWindow:
        """The session window at the bot's instant: its phase, and from when to when (UTC ns) it lasts."""
        return self._board.calendar.window_at(self._board.now_ns, self.instrument.product.session_group)

    @property
    def seconds_to_close(self) -> float:
        """Seconds of continuous trading left until the trading day of this contract ends."""
        calendar, group = self._board.calendar, self.instrument.product.session_group
        day = calendar.trading_day_of(self._board.now_ns, group)
        return calendar.trading_seconds_between(self._board.now_ns, calendar.session_close_ns(day, group), group)

    @property
    def trading_day(self) -> int:
        """YYYYMMDD of the last tick, 0 before it."""
        return self.tick.trading_day if self.tick is not None else 0

    # The bot's own

    @property
    def holding(self) -> OwnPosition:
        """The bot's own position in detail."""
        if self._position is None:
            self._position = self._board.orders.position(self.instrument)
        return self._position

    @property
    def position(self) -> int:
        """Net lots the bot holds by its own trades."""
        return self.holding.net

    @property
    def orders(self) -> tuple[OwnOrder, ...]:
        """The bot's working orders in this contract, oldest first."""
        return self._board.orders.of(self.symbol)

    @property
    def pnl(self) -> float:
        """The bot's profit in this contract: closed, open at the last price, less fees."""
        own = self.holding
        return own.realized() + own.unrealized(self.tick.last_ticks if self.tick is not None else 0) - float(own.fees)

    # Others, and prices

    def of(self, symbol: str) -> "Market":
        """Another contract's market. Raises InstrumentNotFound."""
        return self._board[symbol]

    @property
    def symbols(self) -> tuple[str, ...]:
        """All contracts there are."""
        return tuple(self._board)

    def price(self, ticks: int) -> float:
        """The quoted price of integer ticks."""
        return ticks * self.over / self.under

    def round(self, price: float, ticks_away: int = 0) -> float:
        """The nearest valid price, ``ticks_away`` ticks above (or, negative, below) it."""
        return self.price(round(price * self.under / self.over) + ticks_away)

    def to_ticks(self, price: object) -> int:
        """Integer ticks of a price. Text and Decimal must lie on the grid exactly, floats but for what arithmetic took from them.

        Raises PriceNotValid, PriceWrongTick.
        """
        if isinstance(price, float):
            exact = price * self.under / self.over
            if not 0 < exact <= MAX_TICKS:
                raise PriceNotValid(symbol=self.symbol)
            ticks = round(exact)
            if abs(exact - ticks) > _NEARLY:
                raise PriceWrongTick(symbol=self.symbol, price=repr(price)[:40], tick_size=str(self.instrument.product.tick_size))
            return ticks
        try:
            return self.instrument.to_ticks(Decimal(price))  # type: ignore[arg-type]  # int, text or Decimal by now
        except (ArithmeticError, ValueError, TypeError) as error:
            raise PriceNotValid(symbol=self.symbol, price=str(price)[:40]) from error

    def _levels(self, levels: tuple[Level, ...]) -> list[tuple[float, int]]:
        return [(self.price(level.price_ticks), level.lots) for level in levels]

    def _caught_up(self) -> Windows:
        windows = self._windows
        if windows is None:
            windows = self._windows = Windows(self._board.window_ticks)
        fresh = self._fresh
        while fresh:
            tick = fresh.popleft()
            bid, ask = tick.bids[0] if tick.bids else None, tick.asks[0] if tick.asks else None
            windows.add(
                tick.time_ns,
                tick.volume_lots,
                self.price(tick.last_ticks) if tick.last_ticks else NAN,
                self.price(bid.price_ticks) if bid else NAN,
                self.price(ask.price_ticks) if ask else NAN,
                bid.lots if bid else 0,
                ask.lots if ask else 0,
            )
        return windows


class MarketBoard(Mapping[str, Market]):
    """All contracts a bot can see, by symbol, at one instant."""

    def __init__(self, orders: OwnOrders, calendar: TradingCalendar, *, window_ticks: int = DEFAULT_TICKS) -> None:
        self.orders, self.calendar, self.window_ticks = orders, calendar, window_ticks
        self.now_ns = 0
        self._markets: dict[str, Market] = {}

    def __getitem__(self, symbol: str) -> Market:
        market = self._markets.get(symbol)
        if market is None:
            raise InstrumentNotFound(symbol=str(symbol)[:64])
        return market

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._markets

    def __iter__(self) -> Iterator[str]:
        return iter(self._markets)

    def __len__(self) -> int:
        return len(self._markets)

    def instrument(self, symbol: str) -> Instrument | None:
        """A listed contract, None for others."""
        market = self._markets.get(symbol)
        return market.instrument if market is not None else None

    def list_instrument(self, instrument: Instrument) -> None:
        """Show a contract. Listing it again changes nothing."""
        if instrument.symbol not in self._markets:
            self._markets[instrument.symbol] = Market(instrument, self)

    def see(self, tick: Tick) -> Market | None:
        """Take over a tick; the market it belongs to, None for a contract that is not listed or a tick older than the newest."""
        market = self._markets.get(tick.symbol)
        if market is None:
            return None
        newest = market.tick
        if newest is not None and tick.time_ns < newest.time_ns:
            return None
        market.see(tick)
        return market
