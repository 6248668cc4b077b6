"""How many lots the next child has, at which price, and whether it may be sent now at all."""

from tradepit.trading.algos.params import AlgoParams, Style
from tradepit.trading.algos.state import AlgoState
from tradepit.trading.algos.trading_time import is_trading
from tradepit.trading.model.terms import OrderType, SessionPhase, Side


def market_open(state: AlgoState, now_ns: int) -> bool:
    """True in continuous trading with a snapshot that is not too old: a silent market gets no orders."""
    quote = state.quote
    return (
        quote.number > 0
        and quote.phase is SessionPhase.CONTINUOUS
        and now_ns - quote.seen_ns <= state.params.quote_age_ns
        and is_trading(state.params.windows, now_ns)
    )


def child_lots(params: AlgoParams, wanted: int, left: int) -> int:
    """Whole lots of the next child for ``wanted`` of the ``left`` ones; 0 while too few have come together.

    Never so many that the rest would be too small for a child of its own: then the rest goes along.
    """
    lots = min(wanted, left)
    if lots < params.min_lots:
        return 0
    if 0 < left - lots < params.min_lots:
        lots = left
    return min(lots, params.max_lots) if params.max_lots else lots


def aggressive_price(state: AlgoState) -> int:
    """The opposite best price, 0 when there is none or it lies beyond the limit: then we wait."""
    limit = state.params.limit_price_ticks
    if state.params.side is Side.BUY:
        price = state.quote.ask_ticks
        return price if not limit or price <= limit else 0
    price = state.quote.bid_ticks
    return price if price >= limit else 0


def passive_price(state: AlgoState) -> int:
    """Our side's best price, held inside the limit; 0 when nobody quotes there."""
    limit = state.params.limit_price_ticks
    if state.params.side is Side.BUY:
        price = state.quote.bid_ticks
        return min(price, limit) if limit else price
    price = state.quote.ask_ticks
    return max(price, limit) if price else 0


def next_terms(state: AlgoState, *, passive_allowed: bool) -> tuple[OrderType, int]:
    """Order type and price (ticks) of the next child; price 0 means wait."""
    if passive_allowed and state.params.style is Style.PASSIVE and not state.plan.passive_done:
        price = passive_price(state)
        if price:
            return OrderType.LIMIT, price
    return OrderType.FAK if state.params.immediate else OrderType.LIMIT, aggressive_price(state)
