"""Ten thousand bad frames: each is a snapshot, passed over, or refused with a code; a snapshot survives both of its encodings."""

import os
import random
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tradepit.trading.model.errors import BadRequest
from tradepit.wire.powerscreen import SsiPsSnapshot
from tradepit.wire.powerscreen_codec import from_json, from_protobuf, to_json, to_protobuf
from tradepit.wire.powerscreen_frames import HoseStockParser

COUNT = int(os.environ.get("BAD_MESSAGES", "10000"))
LINES = (Path(__file__).parent.parent / "wire" / "golden" / "powerscreen_frames.txt").read_bytes().splitlines()
WORDS = (
    b"", b" ", b"0", b"-1", b"1e5", b"1E400", b"NaN", b"Infinity", b"1_0", b"0x10", b"ATO", b"ATC", b"9" * 30, b"1.5", b"\xff",
    "mười".encode(), "１２".encode(), b"S#", b"S#X", b"I#X", b"{", b"\0", b"1764644400171", b"-0.0", b"x" * 300, b".5", b"5.",
)  # fmt: skip
PARSE = HoseStockParser().parse


def survives(snapshot: SsiPsSnapshot) -> None:
    told = from_protobuf(to_protobuf(snapshot))
    assert from_json(to_json(told)) == told
    assert (told.code, told.timestamp_ns, told.total_match_volume) == (
        snapshot.code,
        snapshot.timestamp_ns,
        snapshot.total_match_volume,
    )


def spoiled(chance: random.Random) -> bytes:
    frame = chance.choice(LINES[1:3])
    parts = frame.split(b"|")
    match chance.randrange(6):
        case 0:
            return frame[: chance.randrange(len(frame))]
        case 1:
            place = chance.randrange(len(frame))
            return frame[:place] + bytes([chance.randrange(256)]) + frame[place + 1 :]
        case 2:
            del parts[chance.randrange(len(parts))]
        case 3:
            return bytes(chance.randrange(256) for _ in range(chance.randrange(200)))
        case _:
            for _ in range(chance.randint(1, 3)):
                parts[chance.randrange(len(parts))] = chance.choice(WORDS)
    return b"|".join(parts)


def test_ten_thousand_bad_frames() -> None:
    chance = random.Random(20251202)
    seen: dict[str, int] = {}
    for _ in range(COUNT):
        try:
            stock = PARSE(spoiled(chance))
        except BadRequest as error:
            name = error.reason_code
        else:
            name = "passed over" if stock is None else "snapshot"
            if stock is not None and chance.random() < 0.1:
                survives(stock.snapshot)
        seen[name] = seen.get(name, 0) + 1
    assert sum(seen.values()) == COUNT
    assert seen.keys() >= {"INVALID_REQUEST", "ID_NOT_VALID", "PRICE_NOT_VALID", "VOLUME_NOT_VALID", "snapshot", "passed over"}


@given(frame=st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(WORDS), max_size=110).map(b"|".join)))
@settings(max_examples=200, deadline=None)
def test_whatever_comes(frame: bytes) -> None:
    try:
        stock = PARSE(frame, received_ns=1)
    except BadRequest as error:
        assert error.reason_code.isupper()
    else:
        if stock is not None:
            survives(stock.snapshot)


@given(payload=st.one_of(st.binary(max_size=200), st.binary(max_size=60).map(lambda tail: to_protobuf_of_future() + tail)))
@settings(max_examples=200, deadline=None)
def test_whatever_comes_on_the_topic(payload: bytes) -> None:
    try:
        survives(from_protobuf(payload))
    except BadRequest as error:
        assert error.reason_code.isupper()


def to_protobuf_of_future() -> bytes:
    stock = PARSE(LINES[1])
    assert stock is not None
    return to_protobuf(stock.snapshot)
