"""The DATA channel of SSI's V3 stream, frame by frame (source: SSI's public SDK, ssi-sdk 3.3)."""

from collections.abc import Sequence

import msgspec

from tradepit.backends.broker.ssi.figures import lots_of, price_of
from tradepit.backends.broker.ssi.frames import Amount, Text
from tradepit.backends.broker.ssi.news import Levels, News, ToldLimits, ToldQuote, ToldSession, ToldTrade
from tradepit.trading.model.errors import BadRequest

FLAGS = "market.flag"
# What SSI calls its derivatives, in its two spellings.
_BOARDS = frozenset({"DER", "DERIVATIVES"})
# The server drops longer frames.
_MAX_ASKED = 4000
# Best first: whoever sends more levels than these sends no book.
_MOST_LEVELS = 100


class Subscription(msgspec.Struct, frozen=True):
    """The stream took, or (``ok`` False) refused, what was asked of it."""

    ok: bool


class Refused(msgspec.Struct, frozen=True):
    """The stream refuses the connection, in HTTP's numbers."""

    code: int


class Beat(msgspec.Struct, frozen=True):
    """A sign of life; ``asks`` for one in return."""

    asks: bool


Frame = Subscription | Refused | Beat | News


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    channel: str = ""
    topic: str = ""
    method: str = ""
    status: str = ""
    code: int | str = 0
    data: msgspec.Raw = msgspec.Raw(b"{}")


class _Trade(msgspec.Struct, frozen=True, kw_only=True):
    t: Amount = ""
    s: Text
    p: Amount
    v: Amount
    o: Amount = None
    h: Amount = None
    l: Amount = None  # noqa: E741 - SSI's name
    a: Amount = None


class _Quote(msgspec.Struct, frozen=True, kw_only=True):
    t: Amount = ""
    s: Text
    bids: list[list[Amount]] | None = None
    asks: list[list[Amount]] | None = None


class _Limits(msgspec.Struct, frozen=True, kw_only=True):
    s: Text
    ce: Amount
    fl: Amount
    ref: Amount


class _Flag(msgspec.Struct, frozen=True, kw_only=True):
    b: Text
    t: Amount = ""
    f: Text


_ENVELOPES = msgspec.json.Decoder(_Envelope)
_TRADES, _QUOTES = msgspec.json.Decoder(_Trade), msgspec.json.Decoder(_Quote)
_LIMITS, _FLAGS = msgspec.json.Decoder(_Limits), msgspec.json.Decoder(_Flag)


def read_data_frame(frame: bytes) -> Frame | None:
    """What a frame tells; None for what is of no concern here. Raises BadRequest for what cannot be read."""
    try:
        envelope = _ENVELOPES.decode(frame)
        if envelope.code and not envelope.channel:
            return Refused(int(envelope.code))
        if envelope.channel.upper() == "HEARTBEAT":
            return Beat(asks=envelope.method.upper() == "PING")
        if envelope.method.upper() == "SUBSCRIBE":
            return Subscription(ok=envelope.status.lower() != "error")
        return _read_news(envelope) if envelope.channel.upper() == "DATA" else None
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadRequest("a frame of the stream cannot be read", cause=str(error)[:200]) from error


def subscriptions(names: Sequence[str]) -> list[bytes]:
    """What to ask for contracts by SSI's names: their trades, quotes and limits, and the sessions of all; in frames that are taken."""
    frames: list[bytes] = []
    topics: list[str] = []
    for topic in (FLAGS, *(f"{kind}.{name}" for name in names for kind in ("market", "trade", "quote"))):
        if topics and len(_asking([*topics, topic])) > _MAX_ASKED:
            frames.append(_asking(topics))
            topics = []
        topics.append(topic)
    return [*frames, _asking(topics)]


def ping() -> bytes:
    """Ask for a sign of life."""
    return msgspec.json.encode({"method": "PING_PONG", "channel": "HEARTBEAT", "topics": []})


def pong() -> bytes:
    """The sign of life that was asked for."""
    return msgspec.json.encode({"method": "PONG", "channel": "HEARTBEAT", "topics": []})


def _asking(topics: Sequence[str]) -> bytes:
    return msgspec.json.encode({"method": "SUBSCRIBE", "channel": "DATA", "topics": list(topics)})


def _read_news(envelope: _Envelope) -> News | None:
    # The server writes what follows the kind in capitals: market.FLAG.
    topic = envelope.topic.lower()
    kind, _, rest = topic.partition(".")
    if topic == FLAGS:
        flag = _FLAGS.decode(envelope.data)
        return ToldSession(word=flag.f, time=_time(flag.t)) if flag.b.upper() in _BOARDS else None
    if kind == "trade" and not rest.startswith("index.") and not rest.endswith(("@1m", "@5m")):
        return _trade(_TRADES.decode(envelope.data))
    if kind == "quote":
        quote = _QUOTES.decode(envelope.data)
        return ToldQuote(symbol=quote.s, time=_time(quote.t), bids=_levels(quote.bids), asks=_levels(quote.asks))
    if kind == "market":
        told = _LIMITS.decode(envelope.data)
        return ToldLimits(symbol=told.s, ceiling=price_of(told.ce), floor=price_of(told.fl), reference=price_of(told.ref))
    return None


def _trade(told: _Trade) -> ToldTrade:
    return ToldTrade(
        symbol=told.s,
        time=_time(told.t),
        last=price_of(told.p),
        volume=lots_of(told.v),
        open=price_of(told.o),
        high=price_of(told.h),
        low=price_of(told.l),
        average=price_of(told.a),
    )


def _levels(levels: list[list[Amount]] | None) -> Levels | None:
    if levels is None:
        return None
    if len(levels) > _MOST_LEVELS or any(len(level) != 2 for level in levels):
        raise BadRequest("a book is a list of price and volume")
    return tuple((price_of(price), lots_of(lots)) for price, lots in levels)


def _time(told: Amount) -> str:
    return "" if told is None else str(told)[:40]
