"""Ten thousand bad messages: each is read or refused with a code, whatever its encoding; what we write we can read."""

import os
import random
from collections.abc import Callable
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.bad_requests import RAW, nonsense

from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.terms import Side
from tradepit.wire import platform as wire
from tradepit.wire.instants import LATEST_NS
from tradepit.wire.platform import Encoding
from tradepit.wire.platform_codec import encode, read_alert, read_command, read_event, read_intent

COUNT = int(os.environ.get("BAD_MESSAGES", "10000"))
READERS: tuple[Callable[..., msgspec.Struct], ...] = (read_intent, read_event, read_alert, read_command)
tokens = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
instants = st.integers(0, LATEST_NS)
prices = st.decimals("0.01", "999999.99", places=2).map(lambda told: Decimal(repr(float(told))).normalize())
intents = st.builds(
    wire.OrderIntent,
    intent_id=tokens,
    bot_id=tokens,
    account_id=tokens,
    symbol=tokens,
    side=st.sampled_from(Side),
    quantity=st.integers(1, 1_000_000),
    limit_price=prices,
    type=st.sampled_from((wire.IntentType.LIMIT, wire.IntentType.STOP)),
    time_in_force=st.sampled_from(("", "GTC", "IOC")),
    expires_at_ns=instants,
    sequence=st.integers(0, 2**64 - 1),
    annotations=st.dictionaries(texts.filter(bool), texts, max_size=3),
)
stops = st.builds(
    wire.BotCommandEnvelope,
    command_id=tokens,
    bot_id=tokens,
    issued_at_ns=instants,
    payload=st.builds(
        wire.StopCommand, mode=st.sampled_from(wire.StopMode), timeout_ns=st.integers(0, 10**15), reason=st.just("why")
    ),
)
GOOD = wire.OrderIntent(
    intent_id="i1", bot_id="b1", account_id="A1", symbol="VN30F1M", side=Side.BUY, quantity=2,
    limit_price=Decimal("1900.5"), type=wire.IntentType.LIMIT, expires_at_ns=1, sequence=3, annotations={"a": "b"},
)  # fmt: skip
FILL = wire.OrderEvent(
    event=wire.ExecutionFill(intent_id="i1", filled_quantity=1, fill_price=Decimal(1), filled_at_ns=5),
    bot_id="b1",
    account_id="A",
)
ALERT = wire.RiskAlert(alert_id="a", account_id="A", type=wire.AlertType.SYSTEM, severity=wire.Severity.INFO, context={"a": "b"})
STOP = wire.BotCommandEnvelope(command_id="c", bot_id="b1", payload=wire.StopCommand(timeout_ns=5, reason="r"))


def spoiled_bytes(chance: random.Random, payload: bytes) -> bytes:
    """A protobuf message cut, with bits turned, or with bytes of something else in it."""
    told = bytearray(payload)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(told))
        match chance.randrange(4):
            case 0:
                told[place] ^= 1 << chance.randrange(8)
            case 1:
                del told[place : place + chance.randrange(1, 6)]
            case 2:
                told[place:place] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 9)))
            case _:
                told = told[: max(1, place)]
        if not told:
            return b""
    return bytes(told)


def test_ten_thousand_bad_messages_are_read_or_refused_with_a_code() -> None:
    chance = random.Random(20251202)
    messages: tuple[msgspec.Struct, ...] = (GOOD, FILL, ALERT, STOP)
    plain = [msgspec.json.decode(encode(message)) for message in messages]
    binary = [encode(message, Encoding.PROTOBUF) for message in messages]
    codes: dict[str, int] = {}
    for number in range(COUNT):
        kind = number % len(READERS)
        payload = nonsense(chance, plain[kind]) if chance.random() < 0.5 else spoiled_bytes(chance, binary[kind])
        headers = chance.choice(({}, {}, {"content-type": "application/json"}, {"content-type": "application/x-protobuf"}))
        try:
            told = READERS[kind](payload, headers=headers)
        except BadRequest as error:
            codes[error.reason_code] = codes.get(error.reason_code, 0) + 1
        else:
            assert READERS[kind](encode(told)) == told
            # A double holds fewer digits than a text may have, so the bytes are compared.
            binary_again = encode(told, Encoding.PROTOBUF)
            assert encode(READERS[kind](binary_again), Encoding.PROTOBUF) == binary_again
            codes["read"] = codes.get("read", 0) + 1
    assert sum(codes.values()) == COUNT
    assert codes.keys() >= {"INVALID_REQUEST", "ID_NOT_VALID", "VOLUME_NOT_VALID", "PRICE_NOT_VALID"}
    assert codes["read"] < COUNT / 2


def test_raw_nonsense() -> None:
    for payload in RAW:
        for read in READERS:
            for headers in ({}, {"content-type": "application/json"}, {"content-type": "application/x-protobuf"}):
                try:
                    read(payload, headers=headers)
                except BadRequest as error:
                    assert error.reason_code.isupper()
                else:
                    raise AssertionError((read, payload))


@given(intent=intents)
@settings(max_examples=60, deadline=None)
def test_an_intent_is_the_same_after_either_encoding(intent: wire.OrderIntent) -> None:
    assert read_intent(encode(intent)) == intent
    assert read_intent(encode(intent, Encoding.PROTOBUF)) == intent


@given(stop=stops)
@settings(max_examples=40, deadline=None)
def test_a_command_is_the_same_after_either_encoding(stop: wire.BotCommandEnvelope) -> None:
    assert read_command(encode(stop)) == stop
    assert read_command(encode(stop, Encoding.PROTOBUF)) == stop
