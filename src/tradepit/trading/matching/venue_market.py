"""One instrument at the venue: its day's band, its book with the accounts' and the outside's orders in it, and its figures."""

from collections.abc import Iterable
from decimal import Decimal

from tradepit.trading.calendar.sessions import PhaseWindow
from tradepit.trading.ledger.settlement_price import SettlementTape
from tradepit.trading.ledger.trading_hours import hours_of
from tradepit.trading.matching.order_book import OrderBook
from tradepit.trading.matching.outside_holding import OutsideHolding
from tradepit.trading.matching.outside_quotes import OutsideQuotes
from tradepit.trading.matching.venue_statistics import MarketStatistics
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import OrderType, SessionPhase, Side
from tradepit.trading.model.tick import Level, Tick

NEVER_NS = 2**63 - 1
AT_AUCTION = frozenset({OrderType.ATO, OrderType.ATC})


class OrderEntry:
    """An order the venue knows. ``book_id`` is its number in the book, 0 when it is not there.

    ``traded`` and ``reduced`` are lots so far; the order's own figures follow when a report is written.
    """

    __slots__ = ("book_id", "order", "reduced", "traded")

    def __init__(self, order: Order, traded: int = 0, reduced: int = 0, book_id: int = 0) -> None:
        self.order = order
        self.traded = traded
        self.reduced = reduced
        self.book_id = book_id

    @property
    def left(self) -> int:
        """Lots that may still trade."""
        return self.order.intent.volume_lots - self.reduced - self.traded


class Market:
    """Mutable. ``low`` and ``high`` are the day's limit ticks.

    ``working`` are the accounts' orders in the book by book number, in the order they came; ``working_of`` counts them.
    ``bids`` and ``asks`` are the outside's orders, which are in the book only while an order is matched that reaches them;
    ``outside_tick`` is the day's last tick that showed them, None as long as the venue saw none.
    """

    def __init__(self, instrument: Instrument, reference: Decimal, phases: Iterable[PhaseWindow]) -> None:
        self.instrument = instrument
        self.product = instrument.product
        self.symbol = instrument.symbol
        self.statistics = MarketStatistics()
        self.outside = OutsideHolding()
        self.phase = SessionPhase.CLOSED
        self.boundary_ns = NEVER_NS
        self.finished = False
        self.snapshot_ns = 0
        self.snapshot_due_ns = NEVER_NS
        self.working: dict[int, OrderEntry] = {}
        self.working_of: dict[str, int] = {}
        self.bids, self.asks = OutsideQuotes(Side.BUY), OutsideQuotes(Side.SELL)
        self._begin(reference, phases)

    def _begin(self, reference: Decimal, phases: Iterable[PhaseWindow]) -> None:
        self.reference = reference
        self.low, self.high = self.instrument.price_band(reference)
        # Orders at the market that wait for an auction wait a tick beyond the band: before every limit order.
        at_market = not self.product.order_types.isdisjoint(AT_AUCTION)
        self.book = OrderBook(max(1, self.low - 1), self.high + 1) if at_market else OrderBook(self.low, self.high)
        self.book_numbers = self.order_numbers = self.trade_numbers = 0
        self.outside_tick: Tick | None = None
        sessions = tuple((window.start_ns, window.end_ns) for window in phases if window.phase is SessionPhase.CONTINUOUS)
        self.keep_tapes(SettlementTape.of_day(sessions), SettlementTape.of_day(sessions))

    def keep_tapes(self, own: SettlementTape, outside: SettlementTape) -> None:
        """The day's trades are noted on these tapes, which are of the same sessions."""
        self.own_tape, self.outside_tape = own, outside
        self.hours = hours_of(outside.sessions)

    def begin_day(self, reference: Decimal, phases: Iterable[PhaseWindow]) -> None:
        """A new trading day around the settlement price ``reference``; the book is empty by now."""
        self.statistics = self.statistics.next_day()
        self._begin(reference, phases)

    def next_book_id(self) -> int:
        """A number for one more order in the book."""
        self.book_numbers += 1
        return self.book_numbers

    def next_order_id(self, trading_day: int) -> str:
        """The venue's id of one more order: a token, unique over all days and instruments."""
        self.order_numbers += 1
        return f"{self.symbol}-{trading_day}-{self.order_numbers}"

    def next_trade_id(self, trading_day: int) -> str:
        """The id of one more trade: a token, unique over all days and instruments."""
        self.trade_numbers += 1
        return f"{self.symbol}-{trading_day}-T{self.trade_numbers}"

    def rest(self, entry: OrderEntry, price_ticks: int, lots: int) -> None:
        """An account's order waits in the book from here on."""
        intent = entry.order.intent
        self.book.rest(entry.book_id, intent.side, price_ticks, lots)
        self.note_working(entry)

    def note_working(self, entry: OrderEntry) -> None:
        """An order in the book is an account's."""
        account = entry.order.intent.account
        self.working[entry.book_id] = entry
        self.working_of[account] = self.working_of.get(account, 0) + 1

    def forget(self, entry: OrderEntry) -> None:
        """An account's order is in the book no more."""
        if self.working.pop(entry.book_id, None) is not None:
            account = entry.order.intent.account
            left = self.working_of[account] - 1
            if left:
                self.working_of[account] = left
            else:
                del self.working_of[account]
        entry.book_id = 0

    def best_crossing(self, side: Side, limit_ticks: int) -> int:
        """Number of the first resting order that one of ``side`` would trade with at ``limit_ticks`` or better, 0 for none."""
        price = self.book.best(side.opposite)
        if not price or (price > limit_ticks if side is Side.BUY else price < limit_ticks):
            return 0
        return self.book.peek(side.opposite)

    def resting(self, side: Side) -> Iterable[tuple[int, int, int]]:
        """All orders of ``side``, accounts' and outside's, best price first and oldest first: (book number, price, lots)."""
        queues = self.quotes(side).queues
        if not queues:
            return self.book.orders(side)
        quoted = ((number, price, lots) for price, queue in queues.items() for number, lots in queue.items())
        sign = -1 if side is Side.BUY else 1
        return sorted((*self.book.orders(side), *quoted), key=lambda order: (sign * order[1], order[0]))

    def quotes(self, side: Side) -> OutsideQuotes:
        """What the outside shows on ``side``."""
        return self.bids if side is Side.BUY else self.asks

    def mark(self) -> Decimal:
        """The last price, before the day's first trade the previous settlement (quoted units)."""
        last = self.statistics.last_ticks
        return self.instrument.to_price(last) if last else self.reference

    def depth(self, levels: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Bids and asks, best first; none while an auction gathers orders, for a crossed book is no market yet."""
        if self.phase.gathers:
            return (), ()
        return self._depth(self.bids, levels), self._depth(self.asks, levels)

    def _depth(self, quotes: OutsideQuotes, levels: int) -> tuple[Level, ...]:
        lots_at = dict(self.book.depth(quotes.side, levels))
        for price, queue in quotes.queues.items():
            lots_at[price] = lots_at.get(price, 0) + sum(queue.values())
        best = sorted(lots_at.items(), reverse=quotes.side is Side.BUY)[:levels]
        return tuple(Level(price, lots) for price, lots in best)
