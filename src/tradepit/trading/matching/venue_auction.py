"""The call auction at the venue: what the ordering phase gathered trades at one price."""

from tradepit.trading.matching.auction import uncross as find_matches
from tradepit.trading.matching.venue_floor import Floor
from tradepit.trading.matching.venue_market import AT_AUCTION, Market
from tradepit.trading.matching.venue_matching import REMAINDER, withdraw
from tradepit.trading.matching.venue_trades import book_trade, report_progress
from tradepit.trading.model.terms import OrderStatus, Side


def uncross(floor: Floor, market: Market) -> None:
    """Match the book at the auction's price (most volume, then least imbalance, then nearest to the last price).

    Both sides' trades are told, then each order's new state. What did not trade stays in the book with its place, but the rest of
    ATO and ATC orders is cancelled. Before the day's first trade the last price is the former day's, else its settlement.
    """
    figures = market.statistics
    reference = figures.last_ticks or figures.pre_close_ticks or round(market.reference / market.product.tick_size)
    for buy_id, sell_id, price, lots in find_matches(market.book, reference, (market.low, market.high)):
        buyer, seller = market.working[buy_id], market.working[sell_id]
        book_trade(floor, market, price, lots, (Side.BUY, buyer), (Side.SELL, seller))
        report_progress(floor, market, buyer)
    for entry in tuple(market.working.values()):
        if entry.order.intent.order_type in AT_AUCTION:
            withdraw(floor, market, entry, OrderStatus.CANCELLED, REMAINDER)
