"""Other matching engines on the same orders: an obvious sorted list, and from PyPI those of the dependency group ``bench``.

What a peer cannot say is said for it beforehand: market, IOC and FOK orders become limit orders for the lots they trade, so that
every engine makes the same trades. Each function takes those steps and returns (seconds of processor time, trades as (maker,
tick, lots)).
"""

from bisect import insort
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import thread_time
from typing import TypeAlias

from tradepit.trading.matching.kernel import BUY, CANCEL, LIMIT, MARKET
from tradepit.trading.matching.matching_engine import MatchingEngine
from tradepit.trading.matching.order_book import OrderBook
from tradepit.trading.model.terms import Side

Step: TypeAlias = tuple[int, int, int, int, int]  # LIMIT or CANCEL, side, lots, tick, order id
Trade: TypeAlias = tuple[int, int, int]
Peer: TypeAlias = Callable[[list[Step]], tuple[float, list[Trade]]]
T0 = datetime(2025, 1, 6, tzinfo=UTC).replace(tzinfo=None)  # order-matching compares with naive instants


def plain_steps(events: list[list[int]], ticks: int) -> list[Step]:
    """The events of symbol 0 with only limit orders and cancels in them."""
    engine = MatchingEngine(ticks, compiled=False, orders=len(events))
    steps: list[Step] = []
    for what, lots, tick, order_id in events:
        kind, side = what & 255, what >> 8 & 1
        if kind == CANCEL:
            engine.cancel(order_id)
            steps.append((CANCEL, 0, 0, 0, order_id))
            continue
        traded = sum(fill[2] for fill in engine.order(kind, side, 0, tick, lots, order_id))
        if kind == MARKET:
            tick = 0 if side else ticks - 1  # noqa: PLW2901 - the price it stands for
        if kind == LIMIT or traded:
            steps.append((LIMIT, side, lots if kind == LIMIT else traded, tick, order_id))
    return steps


def kernel_by_order(steps: list[Step], *, compiled: bool = False) -> tuple[float, list[Trade]]:
    """Ours, one call for each order with its fills returned."""
    engine = MatchingEngine(4096, compiled=compiled, orders=2 * len(steps) + 10)
    order, cancel = engine.order, engine.cancel
    trades: list[Trade] = []
    start = thread_time()
    for kind, side, lots, tick, order_id in steps:
        if kind == CANCEL:
            cancel(order_id)
        elif fills := order(LIMIT, side, 0, tick, lots, order_id):
            trades.extend(fills)
    return thread_time() - start, trades


def order_book(steps: list[Step]) -> tuple[float, list[Trade]]:
    """Ours as the venue uses it: real ticks, checked requests, vocabulary types."""
    book, found = OrderBook(1, 4096), []
    rows = [(kind, Side.SELL if side else Side.BUY, lots, tick + 1, order_id + 1) for kind, side, lots, tick, order_id in steps]
    start = thread_time()
    for kind, side, lots, tick, order_id in rows:
        if kind == CANCEL:
            book.cancel(order_id)
        else:
            found += book.add(order_id, side, tick, lots)[0]
    return thread_time() - start, [(maker - 1, tick - 1, lots) for maker, tick, lots in found]


def naive(steps: list[Step]) -> tuple[float, list[Trade]]:
    """Sorted lists, searched from the front: what correctness looks like."""
    sides: tuple[list[list[int]], list[list[int]]] = ([], [])
    trades: list[Trade] = []
    start = thread_time()
    for number, (kind, side, lots, tick, order_id) in enumerate(steps):
        if kind == CANCEL:
            _naive_cancel(sides, order_id)
            continue
        left, makers = lots, sides[1 - side]
        while left and makers and (makers[0][4] <= tick if side == BUY else makers[0][4] >= tick):
            maker = makers[0]
            dealt = min(left, maker[3])
            trades.append((maker[2], maker[4], dealt))
            left -= dealt
            maker[3] -= dealt
            if not maker[3]:
                makers.pop(0)
        if left:
            insort(sides[side], [-tick if side == BUY else tick, number, order_id, left, tick])
    return thread_time() - start, trades


def _naive_cancel(sides: tuple[list[list[int]], list[list[int]]], order_id: int) -> None:
    for orders in sides:
        for place, order in enumerate(orders):
            if order[2] == order_id:
                del orders[place]
                return


def bourse(steps: list[Step]) -> tuple[float, list[Trade]]:
    """Bourse (Rust behind PyO3): trades stay inside until asked for, which is not timed. Raises ImportError without it.

    Its clock is set for each step: orders of one instant and price displace one another in its book.
    """
    from bourse.core import OrderBook as BourseBook  # noqa: PLC0415 - optional

    book = BourseBook(0, 1)
    numbers: dict[int, int] = {}
    start = thread_time()
    for number, (kind, side, lots, tick, order_id) in enumerate(steps):
        book.set_time(number)
        if kind == CANCEL:
            book.cancel_order(numbers[order_id])
        else:
            numbers[order_id] = book.place_order(side == BUY, lots, 0, price=tick)
    seconds = thread_time() - start
    ids = {number: order_id for order_id, number in numbers.items()}
    return seconds, [(ids[trade[5]], trade[2], trade[3]) for trade in book.get_trades()]


def cython_orderbook(steps: list[Step]) -> tuple[float, list[Trade]]:
    """The package cython-orderbook (Cython): an order object for each order, trades kept in its log. Raises ImportError without it."""
    from cython_orderbook import Order, OrderSide  # noqa: PLC0415 - optional
    from cython_orderbook import OrderBook as CythonBook  # noqa: PLC0415 - optional

    book, bid, ask = CythonBook(), OrderSide.BID, OrderSide.ASK
    numbers: dict[int, int] = {}
    start = thread_time()
    for kind, side, lots, tick, order_id in steps:
        if kind == CANCEL:
            book.cancel_order(numbers[order_id])
        else:
            order = Order(ask if side else bid, lots, tick)
            numbers[order_id] = order.order_id
            book.add_limit_order(order)
    seconds = thread_time() - start
    ids = {number: order_id for order_id, number in numbers.items()}
    return seconds, [(ids[trade.filler_id], trade.price, trade.quantity_filled) for trade in book.trade_log]


def order_matching(steps: list[Step]) -> tuple[float, list[Trade]]:
    """The package order-matching (plain Python): place and match each order. Raises ImportError without it or what it needs."""
    from loguru import logger  # noqa: PLC0415 - optional, with order-matching
    from order_matching.enums import Side as PeerSide  # noqa: PLC0415 - optional
    from order_matching.matching_engine import MatchingEngine as PeerEngine  # noqa: PLC0415 - optional
    from order_matching.order import LimitOrder  # noqa: PLC0415 - optional
    from order_matching.orders import Orders  # noqa: PLC0415 - optional

    logger.disable("order_matching")
    engine, found = PeerEngine(seed=1), []
    start = thread_time()
    for number, (kind, side, lots, tick, order_id) in enumerate(steps):
        now = T0 + timedelta(microseconds=number)
        if kind == CANCEL:
            engine.cancel_order(str(order_id))
            continue
        side_of = PeerSide.SELL if side else PeerSide.BUY
        order = LimitOrder(side=side_of, price=tick, size=lots, timestamp=now, order_id=str(order_id), trader_id="t")
        engine.place(Orders([order]))
        found += engine.match(now).trades
    seconds = thread_time() - start
    return seconds, [(int(trade.book_order_id), int(trade.price), int(trade.size)) for trade in found]
