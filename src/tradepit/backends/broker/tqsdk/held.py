"""What was held when the trading day began: what is held now, less what the day's trades opened, and with what they closed."""

import re
from collections import Counter
from collections.abc import Iterable

from tradepit.backends.broker.tqsdk.frames import ToldHeld, ToldPosition, ToldQuote, ToldTrade

_OTHER = {"BUY": "SELL", "SELL": "BUY"}
# Options and combinations have longer names: the house has no rules for them.
_FUTURE = re.compile(r"[A-Za-z]{1,2}\d{3,4}")


def held_before(
    account: str, positions: Iterable[ToldPosition], trades: Iterable[ToldTrade], quotes: dict[str, ToldQuote]
) -> list[ToldHeld]:
    """An account's lots of former days, by contract and side; what is no future, or has no quote, is left out."""
    costs = {(f"{side.exchange_id}.{side.instrument_id}", side.direction): side for side in positions}
    lots: Counter[tuple[str, str]] = Counter({key: side.today + side.history for key, side in costs.items()})
    last: dict[tuple[str, str], float] = {}
    for trade in trades:
        opens = trade.offset == "OPEN"
        key = (f"{trade.exchange_id}.{trade.instrument_id}", trade.direction if opens else _OTHER[trade.direction])
        lots[key] += -trade.volume if opens else trade.volume
        last[key] = trade.price
    found = []
    for (symbol, direction), count in sorted(lots.items()):
        quote = quotes.get(symbol)
        exchange, _, instrument = symbol.partition(".")
        if count <= 0 or quote is None or not _FUTURE.fullmatch(instrument):
            continue
        side = costs.get((symbol, direction))
        now = side.today + side.history if side is not None else 0
        price = side.open_cost / (now * quote.multiplier) if side is not None and now and quote.multiplier else 0.0
        found.append(
            ToldHeld(
                account=account,
                exchange_id=exchange,
                instrument_id=instrument,
                direction=direction,
                lots=count,
                # Of a side that was closed since, nobody tells what it was opened at.
                open_price=price or quote.pre_settlement or last.get((symbol, direction), 0.0),
                price_tick=quote.price_tick,
            )
        )
    return found
