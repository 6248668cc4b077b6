"""The order desk as bytes, and the same desk made from them again: what a restart reads instead of a journal's whole length."""

import zlib
from collections.abc import Iterator, Sequence

import msgspec

from tradepit.trading.model.errors import JournalCorrupted
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.orders import register_snapshot
from tradepit.trading.orders.audit import AuditTrail
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.orders.register_snapshot import FirstSeen, RegisterBuilder, Rest, Rows, Trades
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.limits import Setting
from tradepit.trading.risk.market import Market
from tradepit.trading.risk.rule import Rule


class Judged(msgspec.Struct, frozen=True, kw_only=True, tag="judged"):
    """What the review judges by, request buckets included."""

    exposure: Exposure
    limits: dict[str, Setting]
    audit: AuditTrail


_Piece = Rows | FirstSeen | Trades | Rest | Judged


def _shape(schema: object) -> object:
    """A schema without its prose, which may change freely."""
    if isinstance(schema, dict):
        return {key: _shape(value) for key, value in schema.items() if key not in ("description", "title")}
    return [_shape(value) for value in schema] if isinstance(schema, list) else schema


# The number rises when facts are folded otherwise than before; what is kept, and of what kind, tells on its own when it changes.
_FOLD = 2
VERSION = f"{_FOLD}-{zlib.crc32(msgspec.json.encode(_shape(msgspec.json.schema(_Piece)))):08x}"
_LEVEL = 1

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Piece)


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot's content. ``mark`` is the keeper's own: what it proves with that the snapshot belongs to its journal."""

    version: str
    mark: int
    pieces: list[bytes]


_SEALED = msgspec.msgpack.Decoder(Sealed)


def take(desk: OrderDesk) -> Iterator[bytes]:
    """The desk in pieces, each made within milliseconds: others may work in between, as long as no fact is applied.

    Market data is left out: no journal tells it, and that of yesterday must guide nobody. The day's limits are kept.
    """
    for piece in register_snapshot.take(desk.register):
        yield _ENCODER.encode(piece)
    exposure = desk.exposure
    kept = Exposure(
        trading_day=exposure.trading_day,
        markets={symbol: _without_prices(market) for symbol, market in exposure.markets.items()},
        books=exposure.books,
        states=exposure.states,
        bots=exposure.bots,
    )
    yield _ENCODER.encode(Judged(exposure=kept, limits=desk.limits.settings, audit=desk.audit))


def seal(pieces: Sequence[bytes], mark: int) -> bytes:
    """One snapshot from all pieces, compressed. Needs nothing but its arguments, so that any thread may do it."""
    return zlib.compress(_ENCODER.encode(Sealed(version=VERSION, mark=mark, pieces=list(pieces))), _LEVEL)


def unseal(state: bytes) -> Sealed:
    """A snapshot's content. Raises JournalCorrupted when it cannot be read or was written by another version."""
    try:
        sealed = _SEALED.decode(zlib.decompress(state))
    except (zlib.error, msgspec.MsgspecError) as error:
        raise JournalCorrupted(f"the snapshot cannot be read: {error}") from error
    if sealed.version != VERSION:
        raise JournalCorrupted("the snapshot is of another version", version=sealed.version, expected=VERSION)
    return sealed


class DeskBuilder:
    """Makes a desk from a snapshot's pieces, given one after another in their order; ``desk`` is whole after the last one."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.desk = OrderDesk(rules)
        self._register = RegisterBuilder()
        self.desk.register = self._register.register

    def put(self, data: bytes) -> None:
        """Add the next piece. Raises JournalCorrupted."""
        try:
            piece = _DECODER.decode(data)
            if isinstance(piece, Judged):
                self.desk.exposure, self.desk.audit = piece.exposure, piece.audit
                for scope, setting in piece.limits.items():
                    self.desk.limits.put(scope, setting)
            else:
                self._register.put(piece)
        except (msgspec.MsgspecError, LookupError, ValueError) as error:
            raise JournalCorrupted(f"the snapshot cannot be read: {error!r}") from error


def _without_prices(market: Market) -> Market:
    return msgspec.structs.replace(market, last_ticks=0, bid_ticks=0, ask_ticks=0, seen_ns=0, phase=SessionPhase.CLOSED)
