"""The venue's state as values: what a snapshot keeps, and the same venue made from it again."""

from decimal import Decimal
from hashlib import sha256

import msgspec

from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.ledger.ledger import Ledger
from tradepit.trading.ledger.settlement_price import SettlementTape
from tradepit.trading.ledger.snapshot import LedgerState
from tradepit.trading.matching.outside_holding import OutsideHolding
from tradepit.trading.matching.venue_floor import Floor, Orders
from tradepit.trading.matching.venue_market import Market, OrderEntry
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.matching.venue_statistics import MarketStatistics
from tradepit.trading.model.errors import JournalCorrupted, TradepitError
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import SessionPhase, Side


class EntryState(msgspec.Struct, frozen=True, array_like=True):
    """An order and what its reports do not tell: lots reduced, its number in the book (0: not there)."""

    order: Order
    reduced: int
    book_id: int


class RestingState(msgspec.Struct, frozen=True, array_like=True):
    """One order in the book; those that belong to no account's order are the outside's."""

    book_id: int
    side: Side
    price_ticks: int
    lots: int


class MarketState(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument. ``resting`` are the bids, then the asks, each by price and then age."""

    instrument: Instrument
    reference: Decimal
    phase: SessionPhase
    boundary_ns: int
    finished: bool
    snapshot_ns: int
    snapshot_due_ns: int
    book_numbers: int
    order_numbers: int
    trade_numbers: int
    statistics: MarketStatistics
    outside: OutsideHolding
    own_tape: SettlementTape
    outside_tape: SettlementTape
    resting: tuple[RestingState, ...]


class VenueState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a venue knows."""

    settings: VenueSettings
    now_ns: int
    trading_day: int
    settle_at_ns: int
    next_due_ns: int
    next_snapshot_ns: int
    sequence: int
    outside_paid: Decimal
    accounts: dict[str, str]
    epochs: dict[str, int]
    actions: dict[str, str]
    former_actions: dict[str, str]
    orders: tuple[EntryState, ...]
    former_orders: tuple[EntryState, ...]
    markets: tuple[MarketState, ...]
    ledger: LedgerState


def take(floor: Floor) -> bytes:
    """The state as bytes: equal for equal venues."""
    state = VenueState(
        settings=floor.settings,
        now_ns=floor.now_ns,
        trading_day=floor.trading_day,
        settle_at_ns=floor.settle_at_ns,
        next_due_ns=floor.next_due_ns,
        next_snapshot_ns=floor.next_snapshot_ns,
        sequence=floor.sequence,
        outside_paid=floor.outside_paid,
        accounts=floor.accounts,
        epochs=floor.epochs,
        actions=floor.actions,
        former_actions=floor.former_actions,
        orders=_take_entries(floor.orders),
        former_orders=_take_entries(floor.former_orders),
        markets=tuple(_take_market(market) for market in floor.markets.values()),
        ledger=floor.ledger.to_state(),
    )
    return msgspec.msgpack.encode(state, order="deterministic")


def digest(floor: Floor) -> str:
    """SHA-256 (hex) of the state."""
    return sha256(take(floor)).hexdigest()


def restore(snapshot: bytes, calendar: TradingCalendar) -> Floor:
    """The floor ``snapshot`` was taken of. Raises JournalCorrupted when the bytes are no snapshot."""
    try:
        return _restore(msgspec.msgpack.decode(snapshot, type=VenueState), calendar)
    except (msgspec.MsgspecError, TradepitError, LookupError, ValueError) as error:
        raise JournalCorrupted("The venue's snapshot cannot be read.", cause=str(error)[:200]) from error


def _restore(state: VenueState, calendar: TradingCalendar) -> Floor:
    floor = Floor(state.settings, calendar)
    floor.now_ns, floor.trading_day = state.now_ns, state.trading_day
    floor.settle_at_ns, floor.next_due_ns, floor.next_snapshot_ns = state.settle_at_ns, state.next_due_ns, state.next_snapshot_ns
    floor.sequence, floor.outside_paid = state.sequence, state.outside_paid
    floor.accounts, floor.epochs = state.accounts, state.epochs
    floor.actions, floor.former_actions = state.actions, state.former_actions
    floor.orders, floor.former_orders = _restore_entries(state.orders), _restore_entries(state.former_orders)
    floor.ledger = Ledger.from_state(state.ledger)
    for item in state.markets:
        floor.markets[item.instrument.symbol] = _restore_market(item, floor)
    return floor


def _take_entries(day: Orders) -> tuple[EntryState, ...]:
    entries = (entry for orders in day.values() for entry in orders.values())
    return tuple(EntryState(entry.order, entry.reduced, entry.book_id) for entry in entries)


def _restore_entries(states: tuple[EntryState, ...]) -> Orders:
    day: Orders = {}
    for item in states:
        entry = OrderEntry(item.order, item.order.traded_lots, item.reduced, item.book_id)
        day.setdefault(entry.order.intent.account, {})[entry.order.client_order_id] = entry
    return day


def _take_market(market: Market) -> MarketState:
    return MarketState(
        instrument=market.instrument,
        reference=market.reference,
        phase=market.phase,
        boundary_ns=market.boundary_ns,
        finished=market.finished,
        snapshot_ns=market.snapshot_ns,
        snapshot_due_ns=market.snapshot_due_ns,
        book_numbers=market.book_numbers,
        order_numbers=market.order_numbers,
        trade_numbers=market.trade_numbers,
        statistics=market.statistics,
        outside=market.outside,
        own_tape=market.own_tape,
        outside_tape=market.outside_tape,
        resting=tuple(
            RestingState(book_id, side, price, lots)
            for side in (Side.BUY, Side.SELL)
            for book_id, price, lots in market.resting(side)
        ),
    )


def _restore_market(state: MarketState, floor: Floor) -> Market:
    market = Market(state.instrument, state.reference, ())
    market.phase, market.boundary_ns, market.finished = state.phase, state.boundary_ns, state.finished
    market.snapshot_ns, market.snapshot_due_ns = state.snapshot_ns, state.snapshot_due_ns
    market.book_numbers, market.order_numbers, market.trade_numbers = state.book_numbers, state.order_numbers, state.trade_numbers
    market.statistics, market.outside = state.statistics, state.outside
    market.keep_tapes(state.own_tape, state.outside_tape)
    today = (entry for orders in floor.orders.values() for entry in orders.values() if entry.book_id)
    working = {entry.book_id: entry for entry in today if entry.order.intent.symbol == market.symbol}
    # The book's own order is by price and then age: within a side, adding in that order restores every queue.
    for item in state.resting:
        if item.book_id in working:
            market.book.rest(item.book_id, item.side, item.price_ticks, item.lots)
        else:
            market.quotes(item.side).restore(item.book_id, item.price_ticks, item.lots)
    for _, entry in sorted(working.items()):
        market.note_working(entry)
    return market
