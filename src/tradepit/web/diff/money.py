"""An account and its positions in DIFF."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from tradepit.trading.model.account import Account
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.position import Position
from tradepit.trading.model.terms import Side
from tradepit.web.diff.quotes import NOTHING

Record = dict[str, Any]
_SIDES = ((Side.BUY, "long"), (Side.SELL, "short"))
_ZERO = Decimal(0)


def account_record(account: Account, user_name: str) -> Record:
    """The account as ``trade.<user>.accounts.CNY``; the identities between its fields are the client's own."""
    return {
        "user_id": user_name,
        "currency": account.currency,
        "pre_balance": float(account.pre_balance),
        "static_balance": float(account.static_balance),
        "balance": float(account.balance),
        "available": float(account.available),
        "ctp_balance": NOTHING,
        "ctp_available": NOTHING,
        "float_profit": float(account.float_profit),
        "position_profit": float(account.position_profit),
        "close_profit": float(account.close_profit),
        "margin": float(account.margin),
        "frozen_margin": float(account.frozen_margin),
        "frozen_commission": float(account.frozen_fee),
        "frozen_premium": 0.0,
        "commission": float(account.fee),
        "premium": 0.0,
        "deposit": float(account.deposit),
        "withdraw": float(account.withdraw),
        "risk_ratio": float(account.risk_ratio),
        "market_value": 0.0,
    }


def position_record(positions: Iterable[Position], instrument: Instrument, user_name: str) -> Record:
    """Both sides of one contract as ``trade.<user>.positions.<name>``; a side without lots is written as flat.

    Costs follow from the venue's profits: it values every position at its own last price.
    """
    sides = {position.side: position for position in positions}
    record: Record = {
        "user_id": user_name,
        "exchange_id": instrument.product.exchange.value,
        "instrument_id": instrument.symbol,
        "last_price": NOTHING,
        "market_value": 0.0,
    }
    float_profit = position_profit = margin = _ZERO
    for side, word in _SIDES:
        held = sides.get(side) or _flat(instrument, side)
        record |= _lots(held, word) | _costs(held, word, instrument)
        float_profit += held.float_profit
        position_profit += held.position_profit
        margin += held.margin
        if held.lots:
            record["last_price"] = float(_value(held) / (held.lots * instrument.product.multiplier))
    return record | {
        "float_profit": float(float_profit),
        "position_profit": float(position_profit),
        "margin": float(margin),
    }


def _flat(instrument: Instrument, side: Side) -> Position:
    return Position(account="", symbol=instrument.symbol, exchange=instrument.product.exchange, side=side)


def _lots(held: Position, word: str) -> Record:
    return {
        f"pos_{word}_his": held.yesterday_lots,
        f"pos_{word}_today": held.today_lots,
        f"volume_{word}": held.lots,
        f"volume_{word}_today": held.today_lots,
        f"volume_{word}_his": held.yesterday_lots,
        f"volume_{word}_yd": held.yesterday_lots,
        f"volume_{word}_frozen": held.frozen_lots,
        f"volume_{word}_frozen_today": held.frozen_today_lots,
        f"volume_{word}_frozen_his": held.frozen_yesterday_lots,
    }


def _value(held: Position) -> Decimal:
    """What the lots are worth at the venue's last price."""
    return held.open_cost + (held.float_profit if held.side is Side.BUY else -held.float_profit)


def _costs(held: Position, word: str, instrument: Instrument) -> Record:
    units = held.lots * instrument.product.multiplier
    value = _value(held)
    position_cost = value - held.position_profit if held.side is Side.BUY else value + held.position_profit
    return {
        f"open_price_{word}": float(held.open_cost / units) if units else NOTHING,
        f"open_cost_{word}": float(held.open_cost),
        f"position_price_{word}": float(position_cost / units) if units else NOTHING,
        f"position_cost_{word}": float(position_cost) if units else 0.0,
        f"float_profit_{word}": float(held.float_profit),
        f"position_profit_{word}": float(held.position_profit),
        f"margin_{word}": float(held.margin),
        f"market_value_{word}": 0.0,
    }
