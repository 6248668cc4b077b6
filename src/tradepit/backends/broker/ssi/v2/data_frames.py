"""What SSI's V2 hub of market data broadcasts: ``{"DataType": …, "Content": …}``, whose content is JSON in a text.

Source: SSI's documents of FastConnect Data. Names come in more than one case (``RType``, ``Rtype``): they are read without regard to it.
"""

from collections.abc import Sequence

import msgspec

from tradepit.backends.broker.ssi.figures import lots_of, price_of
from tradepit.backends.broker.ssi.frames import Amount
from tradepit.backends.broker.ssi.news import Levels, News, ToldLimits, ToldQuote, ToldSession, ToldTrade
from tradepit.trading.model.errors import BadRequest

STATUS, QUOTE, TRADE, SNAPSHOT = "F", "X-QUOTE", "X-TRADE", "X"
_DEPTH = range(1, 11)
_Content = dict[str, Amount]
_TEXTS = msgspec.json.Decoder(str)
_MESSAGES = msgspec.json.Decoder(dict[str, msgspec.Raw])
_CONTENTS = msgspec.json.Decoder(_Content)


def channels(names: Sequence[str]) -> str:
    """What to switch to for contracts by SSI's names, in the one text that ``SwitchChannels`` takes."""
    of = "-".join(names)
    return ",".join(f"{kind}:{of}" for kind in (STATUS, SNAPSHOT, QUOTE, TRADE))


def read_broadcast(argument: bytes) -> list[News]:
    """What a broadcast tells; nothing for what is of no concern here. Raises BadRequest for what cannot be read."""
    try:
        text = _TEXTS.decode(argument) if argument.lstrip().startswith(b'"') else argument
        message = {name.lower(): value for name, value in _MESSAGES.decode(text).items()}
        kind = _TEXTS.decode(message.get("datatype", b'""')).upper()
        if kind not in (STATUS, QUOTE, TRADE, SNAPSHOT):
            return []
        raw = message.get("content", msgspec.Raw(b"{}"))
        content = _CONTENTS.decode(_TEXTS.decode(raw) if bytes(raw).lstrip().startswith(b'"') else raw)
        return _news(kind, {name.lower(): value for name, value in content.items()})
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadRequest("a broadcast of market data cannot be read", cause=str(error)[:200]) from error


def _news(kind: str, content: _Content) -> list[News]:
    symbol, time = _text(content, "symbol"), f"{_text(content, 'tradingdate')} {_text(content, 'time')}".strip()
    if not symbol:
        raise BadRequest("market data of no contract")
    if kind == STATUS:
        word, status = _text(content, "tradingsession"), _text(content, "tradingstatus")
        return [ToldSession(word=word, time=time, symbol=symbol, status=status)]
    found: list[News] = []
    if kind != QUOTE:
        if (reference := price_of(content.get("refprice"))) > 0:
            ceiling, floor = price_of(content.get("ceiling")), price_of(content.get("floor"))
            found.append(ToldLimits(symbol=symbol, ceiling=ceiling, floor=floor, reference=reference))
        found.append(_trade(symbol, time, content))
    if kind != TRADE:
        found.append(ToldQuote(symbol=symbol, time=time, bids=_levels("bid", content), asks=_levels("ask", content)))
    return found


def _trade(symbol: str, time: str, content: _Content) -> ToldTrade:
    return ToldTrade(
        symbol=symbol,
        time=time,
        last=price_of(content.get("lastprice")),
        volume=lots_of(content.get("totalvol")),
        open=price_of(content.get("open")),
        # A snapshot and a trade call them differently.
        high=price_of(content.get("high") or content.get("highest")),
        low=price_of(content.get("low") or content.get("lowest")),
        average=price_of(content.get("avgprice")),
        turnover=price_of(content.get("totalval")),
    )


def _levels(side: str, content: _Content) -> Levels:
    told = [(price_of(content.get(f"{side}price{place}")), lots_of(content.get(f"{side}vol{place}"))) for place in _DEPTH]
    return tuple((price, lots) for price, lots in told if lots > 0)


def _text(content: _Content, name: str) -> str:
    return str(content.get(name) or "")[:64]
