"""The call auction: the one price at which most of a gathered book trades, and who trades with whom at it."""

from itertools import accumulate

from tradepit.trading.matching.order_book import OrderBook
from tradepit.trading.model.terms import Side


def auction_price(book: OrderBook, reference_ticks: int, band: tuple[int, int] | None = None) -> int:
    """The auction's price in ticks, 0 when nothing crosses. It lies within ``band``, the lowest and the highest price there may be.

    Orders at the market wait beyond the band (``Market``), so they come before every limit order and count at each price.

    Of all prices the one that trades most; of those the one that leaves the least imbalance (lots on the heavier side that would
    trade at it and find no counterpart); of those the nearest to ``reference_ticks`` (the previous close or settlement), the
    lower of two as near. Every order at a better price trades in full, and one side in full at the price itself.
    """
    bid, ask = book.best(Side.BUY), book.best(Side.SELL)
    if not bid or not ask or bid < ask:
        return 0
    # Both sides have lots to trade between the best ask and the best bid only.
    buys = [(price, lots) for price, lots in book.depth(Side.BUY, bid - ask + 1) if price >= ask]
    sells = [(price, lots) for price, lots in book.depth(Side.SELL, bid - ask + 1) if price <= bid]
    low, high = band or (ask, bid)
    # What waits beyond the band counts at its edge, where the sums of better prices are replaced by those of worse ones.
    demand = dict(zip((min(price, high) for price, _ in buys), accumulate(lots for _, lots in buys), strict=True))
    supply = dict(zip((max(price, low) for price, _ in sells), accumulate(lots for _, lots in sells), strict=True))
    nearest = min(max(reference_ticks, low), high)
    candidates = sorted(_candidates({*demand, *supply}, nearest, max(low, ask), min(high, bid)))
    bought = list(accumulate((demand.get(price, 0) for price in reversed(candidates)), max))[::-1]
    sold = accumulate((supply.get(price, 0) for price in candidates), max)
    figures = zip(candidates, bought, sold, strict=True)
    return min((-min(buy, sell), abs(buy - sell), abs(price - reference_ticks), price) for price, buy, sell in figures)[3]


def _candidates(prices: set[int], reference_ticks: int, low: int, high: int) -> set[int]:
    """The prices that can win: where an order waits, a tick beside each, and the reference.

    Between two of them the sums do not change, and of the prices there the nearest to the reference is one of them.
    """
    beside = {price + step for price in prices for step in (-1, 0, 1)} | {reference_ticks}
    return {price for price in beside if low <= price <= high}


def call_auction(
    book: OrderBook, reference_ticks: int, band: tuple[int, int] | None = None
) -> tuple[int, list[tuple[int, int, int]]]:
    """Trade a gathered book at its auction price: (price, [(buy id, sell id, lots)]), price 0 when nothing crosses.

    Both sides trade in their priority, what does not trade waits on. ``reference_ticks`` and ``band`` as in ``auction_price``.
    Afterwards the book is not crossed; doing it again does nothing.
    """
    price = auction_price(book, reference_ticks, band)
    if not price:
        return 0, []
    demand = book.available(Side.SELL, price, book.total_lots(Side.BUY))
    supply = book.available(Side.BUY, price, book.total_lots(Side.SELL))
    volume = min(demand, supply)
    return price, _pair(book.match(Side.SELL, price, volume), book.match(Side.BUY, price, volume))


def uncross(book: OrderBook, reference_ticks: int, band: tuple[int, int] | None = None) -> list[tuple[int, int, int, int]]:
    """``call_auction`` as a list of trades: (buy id, sell id, price, lots)."""
    price, pairs = call_auction(book, reference_ticks, band)
    return [(buy_id, sell_id, price, lots) for buy_id, sell_id, lots in pairs]


def _pair(buys: list[tuple[int, int, int]], sells: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Deal the lots of both sides, equal in sum, to one another in order: (buy id, sell id, lots)."""
    pairs = []
    waiting = iter(sells)
    sell_id = sell_left = 0
    for buy_id, _, lots in buys:
        left = lots
        while left:
            if not sell_left:
                sell_id, _, sell_left = next(waiting)
            dealt = min(left, sell_left)
            pairs.append((buy_id, sell_id, dealt))
            left -= dealt
            sell_left -= dealt
    return pairs
