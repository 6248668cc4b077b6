"""Applying a fill: lots opened or consumed, profit realised, the fee paid, the order's freeze let go."""

from decimal import Decimal

import msgspec

from tradepit.trading.ledger.book import Book
from tradepit.trading.ledger.closing import consume, holding, over_close, reported_offset
from tradepit.trading.ledger.funds import Funds
from tradepit.trading.ledger.reservations import OFFSET_NOT_VALID, refreeze, release
from tradepit.trading.ledger.rules import MarginPrice
from tradepit.trading.model.errors import PriceNotValid, VenueRefused, VolumeNotValid
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset, Side

_ZERO = Decimal(0)


class FillResult(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a fill did: lots opened, lots closed of today and of history, the money, and the offset the exchange reports."""

    offset: Offset
    fee: Decimal
    close_profit: Decimal = _ZERO
    opened_lots: int = 0
    today_lots: int = 0
    yesterday_lots: int = 0


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One execution of one order: ``lots`` at ``price_ticks``."""

    client_order_id: str
    side: Side
    offset: Offset
    price_ticks: int
    lots: int


def apply(funds: Funds, book: Book, fill: Fill, trading_day: int, margin_price: MarginPrice) -> FillResult:
    """Apply one fill; an order without a freeze (a late fill, a follower of trades) may fill as well.

    Raises VolumeNotValid, PriceNotValid, VenueRefused (OVER_CLOSE_*, OFFSET_NOT_VALID); then nothing changed.
    """
    closing = _closing_lots(book, fill)
    release(funds, fill.client_order_id, fill.lots)
    opening = fill.lots - closing
    contract = book.contract
    fee = profit = _ZERO
    today = yesterday = 0
    if closing:
        fee, profit, today, yesterday = _close(funds, book, fill, closing)
    if opening:
        book.opened_by(fill.side).open(fill.price_ticks, opening, trading_day)
        signed = opening if fill.side is Side.BUY else -opening
        funds.basis += signed * fill.price_ticks * contract.tick_value
        book.net_lots += signed
        fee += contract.open_fee.charge(fill.price_ticks, opening)
    funds.fee += fee
    funds.close_profit += profit
    funds.charge_margin(book, margin_price)
    if contract.close_rule is CloseRule.NET:
        refreeze(funds, book)
    return FillResult(
        offset=reported_offset(contract.close_rule, fill.offset),
        fee=fee,
        close_profit=profit,
        opened_lots=opening,
        today_lots=today,
        yesterday_lots=yesterday,
    )


def _closing_lots(book: Book, fill: Fill) -> int:
    if fill.lots <= 0:
        raise VolumeNotValid(volume=fill.lots)
    if fill.price_ticks <= 0:
        raise PriceNotValid(price_ticks=fill.price_ticks)
    rule = book.contract.close_rule
    if rule is CloseRule.NET:
        return min(fill.lots, book.closed_by(fill.side).total)
    if fill.offset is Offset.OPEN:
        return 0
    if not fill.offset.closes:
        raise VenueRefused(OFFSET_NOT_VALID, "This exchange needs an offset.", offset=str(fill.offset))
    there = holding(book.closed_by(fill.side), rule, fill.offset)
    if fill.lots > there:
        raise over_close(rule, fill.offset, fill.lots, there)
    return fill.lots


def _close(funds: Funds, book: Book, fill: Fill, closing: int) -> tuple[Decimal, Decimal, int, int]:
    contract = book.contract
    lots = book.closed_by(fill.side)
    closed = consume(lots, contract.close_rule, fill.offset, closing)
    basis = closed.today_ticks * contract.tick_value + closed.history_lots * contract.pre_value
    funds.basis -= lots.sign * basis
    book.net_lots -= lots.sign * closing
    profit = lots.sign * (closing * fill.price_ticks * contract.tick_value - basis)
    paying_today = closed.fee_today_lots
    fee = _ZERO
    if paying_today:
        fee += contract.close_today_fee.charge(fill.price_ticks, paying_today)
    if closing > paying_today:
        fee += contract.close_yesterday_fee.charge(fill.price_ticks, closing - paying_today)
    return fee, profit, closed.today_lots, closed.history_lots
