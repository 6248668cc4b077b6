"""Booking what was matched: the trade's price, both sides' fills in the ledger, their reports, and the market's figures."""

from tradepit.trading.matching.venue_floor import Floor
from tradepit.trading.matching.venue_market import Market, OrderEntry
from tradepit.trading.matching.venue_snapshots import touch
from tradepit.trading.model.report import TradeReport
from tradepit.trading.model.terms import OrderStatus, PriceRule, Side
from tradepit.trading.model.trade import Trade


def book_match(
    floor: Floor, market: Market, side: Side, limit_ticks: int, taker: OrderEntry | None, match: tuple[int, int, int]
) -> None:
    """An incoming order of ``side`` met a resting one: ``match`` is (book number, resting price, lots). No taker: the outside's.

    Reports: the maker's trade and new state, then the taker's trade; the taker's new state is its caller's to tell.
    """
    maker_id, maker_ticks, lots = match
    price = trade_price(floor.settings.price_rule, side, limit_ticks, maker_ticks, market.statistics.last_ticks)
    maker = market.working.get(maker_id)
    if maker is None:
        market.quotes(side.opposite).traded(maker_id, maker_ticks, lots)
    book_trade(floor, market, price, lots, (side, taker), (side.opposite, maker))


def book_trade(
    floor: Floor,
    market: Market,
    price: int,
    lots: int,
    later: tuple[Side, OrderEntry | None],
    earlier: tuple[Side, OrderEntry | None],
) -> None:
    """One trade at ``price``: count it and report it for both sides; the ``earlier`` order's new state is told at once."""
    trade_id = market.next_trade_id(floor.trading_day)
    seen = market.statistics
    seen.trade(price, lots)
    market.own_tape.add(floor.now_ns, market.instrument.notional(price, lots), lots, market.hours)
    floor.ledger.mark(market.symbol, price)
    for side, entry in (earlier, later):
        if entry is None:
            seen.own_gross_lots += market.outside.trade(side, price, lots)
        else:
            _fill(floor, market, entry, price, lots, trade_id)
            if entry is earlier[1]:
                report_progress(floor, market, entry)
    touch(floor, market)


def trade_price(rule: PriceRule, side: Side, limit_ticks: int, maker_ticks: int, last_ticks: int) -> int:
    """The resting order's price; by CN_MEDIAN the middle of buy price, sell price and previous trade, when there was one."""
    if rule is PriceRule.MAKER or not last_ticks:
        return maker_ticks
    low, high = (maker_ticks, limit_ticks) if side is Side.BUY else (limit_ticks, maker_ticks)
    return min(max(last_ticks, low), high)


def _fill(floor: Floor, market: Market, entry: OrderEntry, price: int, lots: int, trade_id: str) -> None:
    order = entry.order
    intent = order.intent
    result = floor.ledger.apply_fill(intent, price, lots)
    market.statistics.own_gross_lots += result.opened_lots - result.today_lots - result.yesterday_lots
    entry.traded += lots
    floor.events.append(
        TradeReport(
            sequence=floor.next_sequence(),
            time_ns=floor.now_ns,
            trading_day=floor.trading_day,
            trade=Trade(
                trade_id=trade_id,
                order_id=order.order_id,
                client_order_id=intent.client_order_id,
                account=intent.account,
                symbol=intent.symbol,
                exchange=intent.exchange,
                side=intent.side,
                offset=result.offset,
                price_ticks=price,
                volume_lots=lots,
                time_ns=floor.now_ns,
                trading_day=floor.trading_day,
                fee=format(result.fee.normalize(), "f"),
            ),
        )
    )


def report_progress(floor: Floor, market: Market, entry: OrderEntry) -> None:
    """Tell a working order's state after fills: PARTIAL with what is left, or FILLED, which takes it off the working orders."""
    left = entry.order.intent.volume_lots - entry.reduced - entry.traded
    if left:
        floor.change(entry, OrderStatus.PARTIAL, entry.traded, left)
    else:
        market.forget(entry)
        floor.change(entry, OrderStatus.FILLED, entry.traded, 0)
