"""Round trips and sums, folded from a backtest's trades and orders."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from tradepit.bots.backtest.result import EquityPoint, RoundTrip, Statistics, drawdown
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import OrderStatus, Side
from tradepit.trading.model.trade import Trade


class _Held:
    """Net lots of one contract and what they cost, exactly; ``tick`` is the contract's step as a fraction."""

    def __init__(self, tick: Fraction) -> None:
        self.net, self.most, self.tick = 0, 0, tick
        self.cost: Fraction | int = 0

    def trade(self, lots: int, ticks: int) -> tuple[int, Fraction]:
        """Fold a signed trade; the lots it closed and the average price in ticks they had."""
        before, closed, average = self.net, 0, Fraction(0)
        if before * lots < 0:
            closed = min(abs(before), abs(lots))
            average = Fraction(self.cost) / before
            self.cost = self.cost - average * (closed if before > 0 else -closed) if closed < abs(before) else 0
        rest = abs(lots) - closed
        self.cost += ticks * (rest if lots > 0 else -rest)
        self.net += lots
        self.most = max(self.most, abs(self.net))
        return closed, average


def round_trips(trades: Iterable[Trade], instruments: Mapping[str, Instrument]) -> tuple[list[RoundTrip], dict[str, int], int]:
    """Every closing, the lots held at the end by contract, and the largest net position there ever was."""
    held: dict[str, _Held] = {}
    found = []
    for trade in trades:
        instrument, sign = instruments[trade.symbol], 1 if trade.side is Side.BUY else -1
        own = held.get(trade.symbol)
        if own is None:
            own = held[trade.symbol] = _Held(Fraction(instrument.product.tick_size))
        closed, average = own.trade(sign * trade.volume_lots, trade.price_ticks)
        if closed:
            tick, multiplier = own.tick, instrument.product.multiplier
            won = (average - trade.price_ticks) * sign * closed * tick * multiplier
            found.append(
                RoundTrip(
                    time_ns=trade.time_ns,
                    symbol=trade.symbol,
                    side="SHORT" if trade.side is Side.BUY else "LONG",
                    lots=closed,
                    entry=float(average * tick),
                    exit=float(trade.price_ticks * tick),
                    profit=Decimal(won.numerator) / Decimal(won.denominator),
                )
            )
    most = max((own.most for own in held.values()), default=0)
    return found, {symbol: own.net for symbol, own in sorted(held.items()) if own.net}, most


def statistics(
    deposit: Decimal,
    equity: Sequence[EquityPoint],
    trades: Sequence[Trade],
    orders: Sequence[Order],
    trips: Sequence[RoundTrip],
    held: tuple[dict[str, int], int],
) -> Statistics:
    """The figures of a whole run."""
    fees = sum((Decimal(trade.fee) for trade in trades), Decimal(0))
    net = (equity[-1].balance if equity else deposit) - deposit
    deepest, share = drawdown(equity)
    won = sum((trip.profit for trip in trips if trip.profit > 0), Decimal(0))
    lost = -sum((trip.profit for trip in trips if trip.profit < 0), Decimal(0))
    lots, asked = sum(trade.volume_lots for trade in trades), sum(order.intent.volume_lots for order in orders)
    return Statistics(
        net_profit=net,
        return_pct=float(net / deposit) * 100,
        gross_profit=net + fees,
        fees=fees,
        max_drawdown=deepest,
        max_drawdown_pct=share,
        orders=len(orders),
        fills=len(trades),
        lots=lots,
        fill_share=lots / asked if asked else 0.0,
        cancelled=sum(order.status is OrderStatus.CANCELLED for order in orders),
        round_trips=len(trips),
        winners=sum(trip.profit > 0 for trip in trips),
        losers=sum(trip.profit < 0 for trip in trips),
        profit_factor=float(won / lost) if lost else None,
        max_position=held[1],
        final_position=held[0],
    )
