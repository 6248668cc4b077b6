"""Margin and leverage: the account must be able to carry the order even if it and every working order fill."""

from decimal import Decimal
from typing import ClassVar

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Offset, Side
from tradepit.trading.risk.book import AccountBook
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule

_OPEN, _BUY = Offset.OPEN, Side.BUY  # named for each order: see ``at_hand``


class Margin(Rule, frozen=True, kw_only=True):
    """``max_risk_ratio`` is margin over equity, ``max_leverage`` contract value (both sides) over equity; None: no such limit.

    An estimate at the last prices (a market order's is the day's upper limit), with the exchanges' margin ratios; fees are left
    out. The broker's own word on the money is final. An order that adds no lots needs no margin.
    """

    name: ClassVar[str] = "margin"

    max_risk_ratio: Decimal | None = None
    max_leverage: Decimal | None = None

    def __post_init__(self) -> None:
        given = [limit for limit in (self.max_risk_ratio, self.max_leverage) if limit is not None]
        if not all(limit.is_finite() and limit >= 0 for limit in given):
            raise ValueError("max_risk_ratio and max_leverage must be numbers, and not negative")

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - money has no age
        book, market = exposure.books[intent.account], exposure.markets[intent.symbol]
        holding = book.holdings.get(intent.symbol)
        adding = intent.volume_lots  # an opening order adds all of them, whatever else works
        if holding is not None and intent.offset is not _OPEN:
            before = holding.worst_lots()[0 if intent.side is _BUY else 1]
            adding = holding.worst_after(intent.side, intent.offset, intent.volume_lots) - before
        if adding <= 0:
            return None
        price = market.worst_ticks(intent.price_ticks)
        if not price:
            return self.refuse("INSUFFICIENT_MONEY", limit=book.equity, value="unknown", message="the order's value is not known")
        value = market.instrument.notional(price, adding)
        margin = value * market.instrument.product.margin_ratio
        held_value, held_margin = _carried(book, exposure)
        if held_value:
            value, margin = value + held_value, margin + held_margin
        equity = book.equity
        if margin > equity:
            message = "not enough money for the margin if every working order fills"
            return self.refuse("INSUFFICIENT_MONEY", limit=equity, value=margin, message=message)
        if self.max_risk_ratio is not None and margin > equity * self.max_risk_ratio:
            message = "margin over equity if every working order fills"
            return self.refuse("LEVERAGE", limit=self.max_risk_ratio, value=_over(margin, equity), message=message)
        if self.max_leverage is not None and value > equity * self.max_leverage:
            message = "contract value over equity if every working order fills"
            return self.refuse("LEVERAGE", limit=self.max_leverage, value=_over(value, equity), message=message)
        return None


def _carried(book: AccountBook, exposure: Exposure) -> tuple[Decimal, Decimal]:
    """Contract value and margin of all that is held and working, if all of it fills."""
    value = margin = Decimal(0)
    markets = exposure.markets
    for symbol, holding in book.holdings.items():
        long, short = holding.worst_lots()
        if not long and not short:
            continue
        market = markets[symbol]
        product = market.instrument.product
        price = holding.mark if holding.marked else market.instrument.to_price(market.fair_ticks or market.upper_ticks)
        worth = price * (product.multiplier * (long + short))
        value += worth
        if product.larger_side_margin and long and short:
            worth = price * (product.multiplier * max(long, short))
        margin += worth * product.margin_ratio
    return value, margin


def _over(amount: Decimal, equity: Decimal) -> str:
    return f"{amount / equity:.4f}" if equity > 0 else "no equity"
