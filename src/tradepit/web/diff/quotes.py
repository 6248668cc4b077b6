"""A tick of the exchange as a DIFF quote, and what of a quote has changed."""

from decimal import Decimal
from typing import Any

from tradepit.wire.gateway import InstrumentState
from tradepit.wire.simulator import TickData
from tradepit.wire.simulator_codec import to_iso

Quote = dict[str, Any]
NOTHING = "-"
"""What DIFF writes where a number is not known; the client takes its own default for it."""
_LEVELS = 5


def amount(value: Decimal) -> float | str:
    """A price or amount; zero is none."""
    return float(value) if value else NOTHING


def quote_time(iso: str) -> str:
    """``YYYY-MM-DD HH:MM:SS.ffffff`` in China, of the house's own ISO-8601."""
    return iso[:26].replace("T", " ")


def quote_of(tick: TickData, name: str, multiplier: int) -> Quote:
    """The whole quote of the contract that is called ``name`` outside."""
    quote: Quote = {
        "instrument_id": name,
        "datetime": quote_time(tick.datetime),
        "last_price": amount(tick.last_price),
        "open": amount(tick.open_price),
        "highest": amount(tick.high_price),
        "lowest": amount(tick.low_price),
        "close": NOTHING,
        "settlement": NOTHING,
        "average": float(tick.turnover / (tick.volume * multiplier)) if tick.volume else NOTHING,
        "volume": tick.volume,
        "amount": float(tick.turnover),
        "open_interest": tick.open_interest,
        "upper_limit": amount(tick.limit_up),
        "lower_limit": amount(tick.limit_down),
        "pre_open_interest": 0,
        "pre_settlement": amount(tick.pre_settlement),
        "pre_close": amount(tick.pre_close or tick.pre_settlement),
    }
    for number in range(1, _LEVELS + 1):
        for side in ("bid", "ask"):
            lots = getattr(tick, f"{side}_volume_{number}")
            quote[f"{side}_price{number}"] = amount(getattr(tick, f"{side}_price_{number}")) if lots else NOTHING
            quote[f"{side}_volume{number}"] = lots
    return quote


def opening_quote(state: InstrumentState, name: str, now_ns: int) -> Quote:
    """The quote of a contract nobody has told a tick of yet: its limits and yesterday's price, dated now."""
    instrument = state.instrument
    zero = Decimal(0)
    data = TickData(
        symbol=instrument.symbol,
        exchange=instrument.product.exchange.value,
        datetime=to_iso(now_ns),
        trading_day="",
        last_price=zero,
        volume=0,
        turnover=zero,
        open_interest=0,
        open_price=zero,
        high_price=zero,
        low_price=zero,
        limit_up=instrument.to_price(state.upper_limit_ticks),
        limit_down=instrument.to_price(state.lower_limit_ticks),
        pre_close=zero,
        pre_settlement=Decimal(state.pre_settlement),
        bid_price_1=zero,
        bid_volume_1=0,
        ask_price_1=zero,
        ask_volume_1=0,
    )
    return quote_of(data, name, instrument.product.multiplier)


def changed(former: Quote, newer: Quote) -> Quote:
    """The fields of ``newer`` that differ from ``former``."""
    return {key: value for key, value in newer.items() if former.get(key) != value}
