"""What the risk review judges by: positions, working orders, markets, money and trading states, folded from events."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.report import DayReport
from tradepit.trading.model.terms import Offset, OrderStatus, SessionPhase, Side, TradingState
from tradepit.trading.model.tick import Tick
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.book import AccountBook, Requests
from tradepit.trading.risk.holding import Holding, Working
from tradepit.trading.risk.market import Market

_OPEN, _UNKNOWN, _CANCELLED = Offset.OPEN, OrderStatus.UNKNOWN, OrderStatus.CANCELLED  # named for each order: see ``at_hand``
GLOBAL = "global"
_WORKS = OrderStatus.OPEN.progress  # and that of PARTIAL


def scopes_of(intent: OrderIntent) -> tuple[str, ...]:
    """The scopes an order falls under, the widest first."""
    named = (f"account:{intent.account}", f"symbol:{intent.symbol}")
    bot = (f"bot:{intent.bot}",) if intent.bot else ()
    reference = (f"reference:{intent.reference}",) if intent.reference else ()
    return (GLOBAL, *named, *bot, *reference)


class Exposure(msgspec.Struct):
    """Plain data and nothing else, so it can be compared, snapshotted and rebuilt by replaying the same events in the same order.

    ``states`` holds the scopes that are not ACTIVE: ``global``, ``account:<a>``, ``bot:<b>``, ``symbol:<s>``, ``reference:<r>``.
    ``reconciling`` are accounts of which what the broker told is incomplete just now. ``bots`` are the requests of each bot.
    Every method is silent about accounts and contracts it was never told of: the review refuses those.
    """

    trading_day: int = 0
    markets: dict[str, Market] = {}
    books: dict[str, AccountBook] = {}
    states: dict[str, TradingState] = {}
    bots: dict[str, Requests] = {}
    reconciling: list[str] = []

    def list_instrument(self, instrument: Instrument, reference: Decimal | None = None) -> None:
        """Admit a contract; ``reference`` (quoted units) gives its first price limits. Listing it again changes nothing."""
        if instrument.symbol in self.markets:
            return
        market = self.markets[instrument.symbol] = Market.of(instrument)
        if reference is not None:
            market.lower_ticks, market.upper_ticks = instrument.price_band(reference)

    def open_account(self, account: str, equity: Decimal) -> None:
        """Admit an account with its equity at the trading day's open. Opening it again changes nothing."""
        self.books.setdefault(account, AccountBook(opening_equity=equity))

    def transfer(self, account: str, amount: Decimal) -> None:
        """A deposit (positive) or withdrawal is no profit: it moves the day's baseline."""
        if account in self.books:
            self.books[account].opening_equity += amount

    def set_position(self, position: Position, basis: Decimal) -> None:
        """Take over lots held before the first event; ``basis`` is their price for today's profit (previous settlement)."""
        holding = self._hold(position.account, position.symbol)
        if holding is None:
            return
        leg = holding.long if position.side is Side.BUY else holding.short
        leg.today, leg.yesterday = position.today_lots, position.yesterday_lots
        holding.mark, holding.marked = basis, True

    def holding(self, account: str, symbol: str) -> Holding | None:
        """What ``account`` has in ``symbol``, None when it never had anything."""
        book = self.books.get(account)
        return None if book is None else book.holdings.get(symbol)

    def reduces(self, intent: OrderIntent) -> bool:
        """True when the order strictly reduces its account's net position, counting every working order as filled."""
        if intent.offset is _OPEN:
            return False
        holding = self.holding(intent.account, intent.symbol)
        return holding is not None and holding.reduces(intent.side, intent.offset, intent.volume_lots)

    def on_accepted(self, intent: OrderIntent) -> None:
        """The order works from now on. Telling it again changes nothing."""
        holding = self.holding(intent.account, intent.symbol) or self._hold(intent.account, intent.symbol)
        if holding is None or intent.client_order_id in holding.working:
            return
        holding.working[intent.client_order_id] = Working(intent=intent, left=intent.volume_lots)
        holding.change_working(intent, intent.volume_lots)
        holding.change_resting(intent, rests=True)
        self.books[intent.account].working_orders += 1

    def on_request(self, intent: OrderIntent) -> None:
        """A new order came to review, whatever becomes of it: its number is used."""
        book = self.books.get(intent.account)
        if book is not None and intent.bot and intent.sequence > book.sequences.get(intent.bot, 0):
            book.sequences[intent.bot] = intent.sequence

    def on_cancel_asked(self, intent: OrderIntent) -> None:
        """A cancel of this order was asked for."""
        book = self.books.get(intent.account)
        if book is not None:
            book.requests.day_cancels += 1
            if intent.bot:
                self.requests_of(intent.bot).day_cancels += 1

    def requests_of(self, bot: str) -> Requests:
        """What a bot asked for, on all its accounts together."""
        found = self.bots.get(bot)
        if found is None:
            found = self.bots[bot] = Requests()
        return found

    def on_rejected(self, account: str, time_ns: int) -> None:
        """The exchange refused an order of the account."""
        if account in self.books:
            self.books[account].rejects.add(time_ns)

    def on_no_answer(self, account: str, time_ns: int) -> None:
        """The broker gave no answer to an order of the account."""
        if account in self.books:
            self.books[account].errors.add(time_ns)

    def reconcile(self, account: str, *, begins: bool) -> None:
        """What the broker told of the account (``global``: of all) begins to be incomplete, or is complete again."""
        if begins and account not in self.reconciling:
            self.reconciling.append(account)
        elif not begins and account in self.reconciling:
            self.reconciling.remove(account)

    def on_order(self, order: Order, *, adopt: bool = False) -> None:
        """The order's state is now this; with ``adopt`` one that is not known works from now on. Old news changes nothing: what is
        left only falls, and a finished order stays finished.

        A finished order whose trades have not all arrived keeps counting with the missing lots until they do: the cancellation
        of an immediate order may precede its trades.
        """
        intent, status = order.intent, order.status
        holding = self.holding(intent.account, intent.symbol)
        working = holding.working.get(intent.client_order_id) if holding is not None else None
        if working is None and adopt:
            self.on_accepted(intent)
            holding = self.holding(intent.account, intent.symbol)
            working = holding.working.get(intent.client_order_id) if holding is not None else None
        if holding is None or working is None:
            return
        if status is _UNKNOWN:
            holding.doubt(intent.client_order_id, unknown=True)
            return
        if holding.unknown:
            holding.doubt(intent.client_order_id, unknown=False)
        missing = max(0, order.traded_lots - working.filled)
        if status.terminal:
            if status is _CANCELLED and not working.done:
                holding.day.on_cancelled(intent)
            working.done = True
            self._leave(holding, working, missing)
        elif status.progress == _WORKS:
            left = order.left_lots + missing
            # Nothing traded, and it goes on resting: most orders are told so once.
            if left != working.left or not left:
                self._leave(holding, working, left)

    def on_fill(self, trade: Trade, bot: str = "") -> None:
        """A trade, told once, of an order of ``bot``: the caller drops repeated ones by their id. Late fills of finished orders move the
        position too.
        """
        holding = self._hold(trade.account, trade.symbol)
        if holding is None:
            return
        book, instrument = self.books[trade.account], self.markets[trade.symbol].instrument
        price = instrument.to_price(trade.price_ticks)
        if not holding.marked:
            book.mark(holding, price, instrument.product.multiplier)
        sign = 1 if trade.side is Side.BUY else -1
        book.profit += sign * trade.volume_lots * instrument.product.multiplier * (holding.mark - price)
        book.fees += Decimal(trade.fee)
        holding.move(trade, bot)
        holding.day.on_trade(trade)
        working = holding.working.get(trade.client_order_id)
        if working is not None:
            working.filled += trade.volume_lots
            self._leave(holding, working, working.left - trade.volume_lots)

    def on_tick(self, tick: Tick) -> None:
        """A market snapshot: prices, limits, phase, and every holder's profit."""
        symbol = tick.symbol
        market = self.markets.get(symbol)
        if market is None:
            return
        if not self.trading_day:
            self.trading_day = tick.trading_day
        before = market.last_ticks
        market.see(tick)
        if market.last_ticks == before or not market.holders:
            return
        product = market.instrument.product
        price, multiplier = market.last_ticks * product.tick_size, product.multiplier
        for account in market.holders:
            book = self.books[account]
            book.mark(book.holdings[symbol], price, multiplier)

    def on_phase(self, symbol: str, phase: SessionPhase) -> None:
        """The session phase of a contract changed."""
        if symbol in self.markets:
            self.markets[symbol].phase = phase

    def set_state(self, scope: str, state: TradingState) -> None:
        """Put a scope into a trading state. It stays, over trading days too, until it is set again."""
        if state is TradingState.ACTIVE:
            self.states.pop(scope, None)
        else:
            self.states[scope] = state

    def state_of(self, intent: OrderIntent) -> tuple[TradingState, str]:
        """The strictest state of all scopes the order falls under, and that scope."""
        found, at = TradingState.ACTIVE, GLOBAL
        if self.states:
            for scope in scopes_of(intent):
                state = self.states.get(scope, TradingState.ACTIVE)
                if state is TradingState.HALTED:
                    return state, scope
                if state is TradingState.REDUCING and found is TradingState.ACTIVE:
                    found, at = state, scope
        return found, at

    def roll_day(self, day: DayReport) -> None:
        """The trading day was settled: profits are marked to settlement, baselines reset, lots become history, expired ones go.

        Trading states stay. Telling the same or an older day again changes nothing.
        """
        if day.trading_day <= self.trading_day:
            return
        self.trading_day = day.trading_day
        prices: Mapping[str, Decimal] = {symbol: Decimal(text) for symbol, text in day.settlement_prices.items()}
        for book in self.books.values():
            for symbol, holding in book.holdings.items():
                market = self.markets[symbol]
                if symbol in prices:
                    book.mark(holding, prices[symbol], market.instrument.product.multiplier)
                holding.roll()
                if market.expiry_day < day.trading_day:
                    holding.long.yesterday = holding.short.yesterday = 0
                    holding.bots.clear()
            book.roll()
        for requests in self.bots.values():
            requests.roll()
        for symbol, market in self.markets.items():
            market.roll(prices.get(symbol))

    def _hold(self, account: str, symbol: str) -> Holding | None:
        book, market = self.books.get(account), self.markets.get(symbol)
        if book is None or market is None:
            return None
        holding = book.holdings.get(symbol)
        if holding is None:
            holding = book.holdings[symbol] = Holding(close_rule=market.instrument.product.close_rule)
            market.holders.append(account)
            if market.last_ticks:
                book.mark(holding, market.instrument.to_price(market.last_ticks), market.instrument.product.multiplier)
        return holding

    def _leave(self, holding: Holding, working: Working, left: int) -> None:
        """What is left only falls. An order is forgotten once its end was told and its trades were seen, in either order."""
        intent = working.intent
        left = min(working.left, max(0, left))
        if left != working.left:
            holding.change_working(intent, left - working.left)
            working.left = left
        if working.rests and (left == 0 or working.done):
            working.rests = False
            holding.change_resting(intent, rests=False)
        if left == 0 and working.done:
            del holding.working[intent.client_order_id]
            if holding.unknown:
                holding.doubt(intent.client_order_id, unknown=False)
            self.books[intent.account].working_orders -= 1
