"""The call auction at the venue: what the ordering phase gathered trades at one price."""

from tradepit.trading.matching.auction import uncross as find_matches
from tradepit.trading.matching.venue_floor import Floor
from tradepit.trading.matching.venue_market import Market
from tradepit.trading.matching.venue_trades import book_trade, report_progress
from tradepit.trading.model.terms import Side


def uncross(floor: Floor, market: Market) -> None:
    """Match the book at the auction's price (most volume, then least imbalance, then nearest to the reference).

    Both sides' trades are told, then each order's new state; what did not trade stays in the book with its place.
    """
    reference = market.statistics.pre_close_ticks or round(market.reference / market.product.tick_size)
    for buy_id, sell_id, price, lots in find_matches(market.book, reference):
        buyer, seller = market.working[buy_id], market.working[sell_id]
        book_trade(floor, market, price, lots, (Side.BUY, buyer), (Side.SELL, seller))
        report_progress(floor, market, buyer)
