"""An order meets the book: self-trade policy, FOK and FAK, the trades, and what becomes of the rest."""

from tradepit.trading.matching.venue_floor import Floor
from tradepit.trading.matching.venue_market import AT_AUCTION, Market, OrderEntry
from tradepit.trading.matching.venue_snapshots import touch
from tradepit.trading.matching.venue_trades import book_match, report_progress
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import OrderStatus, OrderType, SelfTradePolicy, SessionPhase, Side

# Named for each order: see ``at_hand``.
_CANCELLED, _MTL = OrderStatus.CANCELLED, OrderType.MTL
_ALLOW, _CONTINUOUS, _BUY = SelfTradePolicy.ALLOW, SessionPhase.CONTINUOUS, Side.BUY
SELF_TRADE = "SELF_TRADE"
NOT_FILLABLE = "NOT_FILLABLE"
REMAINDER = "REMAINDER"
NO_OPPOSITE = "NO_OPPOSITE"
_CLEARS = frozenset({SelfTradePolicy.CANCEL_RESTING, SelfTradePolicy.DECREMENT})
_AT_ONCE = frozenset({OrderType.FOK, OrderType.MOK})
# An auction takes no other types, and there ATO and ATC wait as well.
_RESTING = frozenset({OrderType.LIMIT, _MTL}) | AT_AUCTION


def execute(floor: Floor, market: Market, entry: OrderEntry) -> None:
    """An accepted order trades as far as it may; what is left of a limit order waits in the book, of others it is cancelled.

    An MTL order is a limit order at the price its book gives it; without an opposite one it is cancelled (NO_OPPOSITE).
    In an auction nothing trades yet. An order that would trade with its own account follows the account's policy: it is cancelled
    (CANCEL_NEWEST, what traded before stays), or what rests in its way is (CANCEL_RESTING), or both lose the lots they share
    (DECREMENT, who has none left is cancelled), or they trade (ALLOW).
    """
    intent = entry.order.intent
    limit = _mtl_limit(floor, market, intent) if intent.order_type is _MTL else limit_ticks(market, intent)
    entry.book_id = market.next_book_id()
    if not limit:
        reason = NO_OPPOSITE
    elif market.phase is _CONTINUOUS:
        reason = _trade(floor, market, entry, limit)
    else:
        reason = _gather(floor, market, entry, limit)
    left = entry.left
    if not left and not reason:
        entry.book_id = 0
        floor.change(entry, OrderStatus.FILLED, entry.traded, 0)
        return
    if intent.order_type not in _RESTING and not reason:
        reason = REMAINDER
    if reason:
        entry.book_id = 0
        floor.ledger.release(intent.account, intent.client_order_id)
        floor.change(entry, _CANCELLED, entry.traded, 0, reason)
        return
    market.rest(entry, limit, left)
    if entry.traded:
        report_progress(floor, market, entry)
    elif entry.reduced:
        floor.change(entry, entry.order.status, 0, left)
    touch(floor, market)


def limit_ticks(market: Market, intent: OrderIntent) -> int:
    """The worst price an order takes: its own, or the day's limit for an order at the market.

    ATO and ATC wait beyond the limits, before every limit order.
    """
    kind, buys = intent.order_type, intent.side is _BUY
    if kind.priced:
        return intent.price_ticks
    if kind in AT_AUCTION:
        return market.book.high_tick if buys else market.book.low_tick
    return market.high if buys else market.low


def _mtl_limit(floor: Floor, market: Market, intent: OrderIntent) -> int:
    """The best opposite price, ``mtl_rest_ticks`` further and within the day's limits; 0 where nobody waits.

    Own orders that would be withdrawn or lessened rather than traded with do not count.
    """
    account = intent.account
    spares_own = account in market.working_of and floor.settings.self_trade_of(account) in _CLEARS
    others = market.resting(intent.side.opposite)
    best = next((price for number, price, _ in others if not spares_own or not _is_of(market, number, account)), 0)
    if not best:
        return 0
    step = floor.settings.mtl_rest_ticks
    return min(best + step, market.high) if intent.side is _BUY else max(best - step, market.low)


def _is_of(market: Market, book_id: int, account: str) -> bool:
    entry = market.working.get(book_id)
    return entry is not None and entry.order.intent.account == account


def _trade(floor: Floor, market: Market, entry: OrderEntry, limit: int) -> str:
    """Match in continuous trading; returns why the rest must be cancelled, empty when it may do as its type says."""
    quotes = market.asks if entry.order.intent.side is _BUY else market.bids
    if not quotes.enter(market.book, limit):
        return _trade_in_book(floor, market, entry, limit)
    reason = _trade_in_book(floor, market, entry, limit)
    quotes.leave(market.book)
    return reason


def _trade_in_book(floor: Floor, market: Market, entry: OrderEntry, limit: int) -> str:
    """The same once all that the order may meet is in the book."""
    intent = entry.order.intent
    policy = floor.settings.self_trade_of(intent.account)
    guarded = policy is not _ALLOW and intent.account in market.working_of
    if intent.order_type in _AT_ONCE and _fillable(market, intent, limit, policy if guarded else None) < entry.left:
        return NOT_FILLABLE
    if not guarded:
        _match(floor, market, entry, limit, entry.left)
        return ""
    # Somewhere in the book this account waits itself: go from order to order and look before trading.
    while entry.left:
        maker_id = market.best_crossing(intent.side, limit)
        if not maker_id:
            break
        maker = market.working.get(maker_id)
        if maker is None or maker.order.intent.account != intent.account:
            _match(floor, market, entry, limit, min(entry.left, market.book.remaining(maker_id)))
        elif policy is SelfTradePolicy.CANCEL_NEWEST or _give_way(floor, market, entry, maker, policy):
            return SELF_TRADE
    return ""


def _give_way(floor: Floor, market: Market, entry: OrderEntry, maker: OrderEntry, policy: SelfTradePolicy) -> bool:
    """An own order rests in the way: it goes, or both lose the lots they share; True when the one that came has none left by that."""
    shared = min(entry.left, maker.left) if policy is SelfTradePolicy.DECREMENT else 0
    if shared and shared < maker.left:
        intent = maker.order.intent
        market.book.reduce(maker.book_id, shared)
        floor.ledger.release(intent.account, intent.client_order_id, shared)
        maker.reduced += shared
        floor.change(maker, maker.order.status, maker.traded, maker.left)
        touch(floor, market)
    else:
        withdraw(floor, market, maker, _CANCELLED, SELF_TRADE)
    if shared:
        floor.ledger.release(entry.order.intent.account, entry.order.intent.client_order_id, shared)
        entry.reduced += shared
    return not entry.left


def _match(floor: Floor, market: Market, entry: OrderEntry, limit: int, lots: int) -> None:
    side = entry.order.intent.side
    for match in market.book.match(side, limit, lots):
        book_match(floor, market, side, limit, entry, match)


def _fillable(market: Market, intent: OrderIntent, limit: int, policy: SelfTradePolicy | None) -> int:
    """Lots an all-or-none order could trade now within its limit: only others', and none behind an order that would stop or lessen
    it.
    """
    if policy is None:
        return market.book.available(intent.side, limit, intent.volume_lots)
    lots = 0
    for book_id, price, waiting in market.book.orders(intent.side.opposite):
        if price > limit if intent.side is _BUY else price < limit:
            break
        maker = market.working.get(book_id)
        if maker is None or maker.order.intent.account != intent.account:
            lots += waiting
        elif policy is not SelfTradePolicy.CANCEL_RESTING:
            break
    return lots


def _gather(floor: Floor, market: Market, entry: OrderEntry, limit: int) -> str:
    """In an auction the policy acts at entry, so that an account's orders never cross one another when the auction is matched."""
    intent = entry.order.intent
    policy = floor.settings.self_trade_of(intent.account)
    if policy is _ALLOW or intent.account not in market.working_of:
        return ""
    for maker in tuple(market.working.values()):
        other = maker.order.intent
        if other.account != intent.account or other.side is intent.side:
            continue
        waiting = market.book.price_of(maker.book_id)
        if limit < waiting if intent.side is _BUY else limit > waiting:
            continue
        if policy is SelfTradePolicy.CANCEL_NEWEST or _give_way(floor, market, entry, maker, policy):
            return SELF_TRADE
    return ""


def withdraw(floor: Floor, market: Market, entry: OrderEntry, status: OrderStatus, reason: str = "") -> None:
    """End a working order that is not filled: out of the book, what it froze let go, its last state told."""
    market.book.cancel(entry.book_id)
    market.forget(entry)
    intent = entry.order.intent
    floor.ledger.release(intent.account, intent.client_order_id)
    floor.change(entry, status, entry.traded, 0, reason)
    touch(floor, market)
