"""The end of a trading day: settlement prices, statements, expired contracts paid out, and the next day's bands."""

from datetime import date
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct, structs

from tradepit.trading.ledger.statement import SettlementStatement
from tradepit.trading.matching.events import StatementIssued
from tradepit.trading.matching.venue_floor import Floor, as_number, plain
from tradepit.trading.matching.venue_market import Market
from tradepit.trading.model.product import SettlementRule
from tradepit.trading.model.report import DayReport

T = TypeVar("T", bound=Struct)


def settle_day(floor: Floor, following: date, settle_at_ns: int) -> None:
    """Settle the running trading day and begin ``following``, to be settled at ``settle_at_ns`` (UTC ns).

    Every working order is finished by now (each market expired them at its close). Orders and action ids of the day before the
    settled one are forgotten. A contract whose last trading day this was is paid out at its settlement price: the venue knows no
    spot index, so the daily price stands in for CFFEX's and HNX's final settlement average.
    """
    prices = {symbol: settlement_price(market) for symbol, market in floor.markets.items()}
    settled_day = floor.trading_day
    statements = floor.ledger.settle(as_number(following), prices)
    floor.events.extend(StatementIssued(statement=_written(statement)) for statement in statements)
    for symbol in tuple(floor.markets):
        market = floor.markets[symbol]
        if as_number(market.instrument.expiry) <= settled_day:
            floor.outside_paid += market.outside.value(market.instrument, prices[symbol])
            del floor.markets[symbol]
        else:
            market.begin_day(prices[symbol], floor.calendar.phases(following, market.product.session_group))
    floor.begin_day(following, settle_at_ns)
    floor.events.append(
        DayReport(
            sequence=floor.next_sequence(),
            time_ns=floor.now_ns,
            trading_day=floor.trading_day,
            settled_day=settled_day,
            settlement_prices={symbol: format(plain(price), "f") for symbol, price in prices.items()},
        )
    )


def settlement_price(market: Market) -> Decimal:
    """The day's settlement price by the product's rule (quoted units), kept within the day's limits.

    Where outside ticks reported trades, theirs alone count: the outside is the market then, and what is traded here against its
    quotes is a copy of it. Otherwise it is made of the venue's own trades, and without any it is the previous settlement.
    """
    if market.product.settlement_rule is SettlementRule.CLOSING_PRICE:
        # The last price is the outside's where it reports trades, else the venue's own.
        return market.instrument.to_price(market.statistics.last_ticks) if market.statistics.last_ticks else market.reference
    tape = market.outside_tape if sum(market.outside_tape.lots) else market.own_tape
    price = tape.price(market.product, market.reference)
    tick = market.product.tick_size
    return min(max(price, market.low * tick), market.high * tick)


def _written(statement: SettlementStatement) -> SettlementStatement:
    # How many zeros a sum carries depends on its path, and a restart takes another path; events must be the same bytes.
    positions = tuple(_plain_fields(position) for position in statement.positions)
    return structs.replace(_plain_fields(statement), positions=positions)


def _plain_fields(value: T) -> T:
    amounts = {name: plain(field) for name, field in structs.asdict(value).items() if isinstance(field, Decimal)}
    return structs.replace(value, **amounts)
