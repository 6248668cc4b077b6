"""The fold of records as bytes, and the same fold made from them again: what a restart reads instead of a journal's whole length."""

import zlib
from collections.abc import Iterator, Sequence

import msgspec

from tradepit.trading.model.errors import JournalCorrupted
from tradepit.trading.model.trade import Trade
from tradepit.trading.orders import register_snapshot
from tradepit.trading.orders.register import Key
from tradepit.trading.orders.register_snapshot import FirstSeen, RegisterBuilder, Rest, Rows, Trades
from tradepit.trading.records.record_fold import RecordFold
from tradepit.trading.records.results import DailyResults, ResultsState


class Beside(msgspec.Struct, frozen=True, kw_only=True, tag="beside"):
    """What a fold knows beside its register."""

    entry: int
    results: ResultsState
    settled_days: list[int]
    begun: list[tuple[Key, int]]
    waiting: dict[str, list[tuple[Trade, int]]]


_Piece = Rows | FirstSeen | Trades | Rest | Beside
# The number rises when facts are folded otherwise than before; what is kept, and of what kind, tells on its own when it changes.
_FOLD = 1
VERSION = f"{_FOLD}-{zlib.crc32(msgspec.json.encode(msgspec.json.schema(_Piece))):08x}"
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Piece)


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot's content."""

    version: str
    pieces: list[bytes]


def take(fold: RecordFold) -> Iterator[bytes]:
    """The fold in pieces, each quickly made: others may work in between, as long as no entry is folded."""
    for piece in register_snapshot.take(fold.register):
        yield _ENCODER.encode(piece)
    yield _ENCODER.encode(
        Beside(
            entry=fold.entry,
            results=fold.results.to_state(),
            settled_days=fold.settled_days,
            begun=list(fold.begun.items()),
            waiting=fold.unknown,
        )
    )


def seal(pieces: Sequence[bytes]) -> bytes:
    """All pieces as one."""
    return zlib.compress(_ENCODER.encode(Sealed(version=VERSION, pieces=list(pieces))), 1)


def restore(body: bytes) -> RecordFold:
    """The fold that was taken. Raises JournalCorrupted for what is no snapshot of this version."""
    builder, fold = RegisterBuilder(), RecordFold()
    try:
        sealed = msgspec.msgpack.decode(zlib.decompress(body), type=Sealed)
        if sealed.version != VERSION:
            raise JournalCorrupted("a snapshot of another version", version=sealed.version[:40])
        for raw in sealed.pieces:
            piece = _DECODER.decode(raw)
            if isinstance(piece, Beside):
                fold.entry, fold.settled_days, fold.unknown = piece.entry, piece.settled_days, piece.waiting
                fold.results, fold.begun = DailyResults.from_state(piece.results), dict(piece.begun)
            else:
                builder.put(piece)
    except (msgspec.MsgspecError, zlib.error, LookupError, ValueError) as error:
        raise JournalCorrupted(f"a snapshot cannot be read: {error}") from error
    fold.register = builder.register
    return fold
