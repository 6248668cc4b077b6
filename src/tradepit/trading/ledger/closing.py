"""Close rules: which lots an order may close, which ones a fill consumes, and what the exchange then reports."""

from typing import NamedTuple

from tradepit.trading.ledger.lots import Lots
from tradepit.trading.model.errors import VenueRefused
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset

OVER_CLOSE_POSITION = "OVER_CLOSE_POSITION"
OVER_CLOSETODAY = "OVER_CLOSETODAY"
OVER_CLOSEYESTERDAY = "OVER_CLOSEYESTERDAY"


class Closed(NamedTuple):
    """What a close consumed. ``today_ticks`` sums open price times lots of today; ``fee_today_lots`` pay the close-today fee."""

    today_lots: int
    today_ticks: int
    history_lots: int
    fee_today_lots: int


def holding(lots: Lots, rule: CloseRule, offset: Offset) -> int:
    """Lots in the bucket a close with this offset draws from, frozen ones included."""
    if rule is not CloseRule.NAMED:
        return lots.history_lots + lots.today_lots
    return lots.today_lots if offset is Offset.CLOSETODAY else lots.history_lots


def closable(lots: Lots, rule: CloseRule, offset: Offset) -> int:
    """Lots a new close order may still ask for: its bucket minus what working close orders froze there."""
    if rule is not CloseRule.NAMED:
        return lots.history_lots + lots.today_lots - lots.frozen_lots
    if offset is Offset.CLOSETODAY:
        return lots.today_lots - lots.frozen_today_lots
    return lots.history_lots - (lots.frozen_lots - lots.frozen_today_lots)


def over_close(rule: CloseRule, offset: Offset, wanted: int, there: int) -> VenueRefused:
    """The refusal for closing more than there is (CTP errors 30, 50 and 51)."""
    code = OVER_CLOSE_POSITION
    if rule is CloseRule.NAMED:
        code = OVER_CLOSETODAY if offset is Offset.CLOSETODAY else OVER_CLOSEYESTERDAY
    return VenueRefused(code, "More lots to close than there are.", wanted=wanted, closable=there)


def freeze(lots: Lots, rule: CloseRule, offset: Offset, volume: int) -> None:
    """Hold ``volume`` lots for a working close order; a negative volume lets them go."""
    lots.frozen_lots += volume
    if rule is CloseRule.NAMED and offset is Offset.CLOSETODAY:
        lots.frozen_today_lots += volume


def frozen_by_day(lots: Lots, rule: CloseRule) -> tuple[int, int]:
    """(today, history) frozen lots. Without named buckets the lots a fill would take are shown: history first."""
    if rule is CloseRule.NAMED:
        return lots.frozen_today_lots, lots.frozen_lots - lots.frozen_today_lots
    history = min(lots.frozen_lots, lots.history_lots)
    return lots.frozen_lots - history, history


def consume(lots: Lots, rule: CloseRule, offset: Offset, volume: int) -> Closed:
    """Remove ``volume`` lots as the rule says. The bucket must hold as many; the caller checks."""
    history = min(volume, lots.history_lots)
    if rule is CloseRule.NAMED and offset is Offset.CLOSETODAY:
        history = 0
    today = volume - history
    if history:
        lots.take_history(history)
    today_ticks = lots.take_today(today) if today else 0
    paying = lots.pay_today_first(volume if rule is CloseRule.FIFO_FEE_TODAY_FIRST else today)
    return Closed(today, today_ticks, history, paying)


def reported_offset(rule: CloseRule, offset: Offset) -> Offset:
    """What the trade report says: exchanges without named buckets always say CLOSE, venues without offsets NET."""
    if rule is CloseRule.NET:
        return Offset.NET
    return offset if rule is CloseRule.NAMED or offset is Offset.OPEN else Offset.CLOSE
