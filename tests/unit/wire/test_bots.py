"""Commands of bots: the document's spellings, and what is refused."""

import pytest

from tradepit.trading.model.errors import BadRequest, IdNotValid, PayloadTooLarge
from tradepit.wire import platform as wire
from tradepit.wire.bots import BotCommand, command_topic, heartbeat_key, is_set, read_command, stop_key
from tradepit.wire.platform_codec import encode

_SAID = {wire.Encoding.JSON: "json", wire.Encoding.PROTOBUF: "x-protobuf"}


@pytest.mark.parametrize("word", [b"STOP", b"stop", b"bot.stop"])
def test_the_spellings_of_a_stop(word: bytes) -> None:
    told = read_command(b'{"type": "' + word + b'", "bot_id": "b", "mode": "Graceful", "timeout_ms": 5000}')
    assert (told.type, told.mode, told.timeout_ms) == ("stop", "graceful", 5000)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"type": "go"}', b'{"type": "stop", "mode": "soft"}', b'{"type": "stop", "timeout_ms": 1e12}']
)
def test_what_is_no_command_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_command(body)


@pytest.mark.parametrize("encoding", wire.Encoding)
@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (wire.StopCommand(), BotCommand(type="stop", command_id="c1")),
        (
            wire.StopCommand(mode=wire.StopMode.FORCE, timeout_ns=1_500_000_001, reason="enough"),
            BotCommand(type="stop", command_id="c1", mode="force", timeout_ms=1501, reason="enough"),
        ),
        (wire.StartCommand(image="i:1", config_revision=2), BotCommand(type="start", command_id="c1")),
        (
            wire.RolloutCommand(runtime_overrides={"fast": "5", "symbol": "IF2501"}),
            BotCommand(type="reload", command_id="c1", config={"fast": 5, "symbol": "IF2501"}),
        ),
    ],
)
def test_the_platforms_envelope_is_a_command_too(payload: wire.Command, expected: BotCommand, encoding: wire.Encoding) -> None:
    body = encode(wire.BotCommandEnvelope(command_id="c1", bot_id="b1", payload=payload), encoding)
    assert read_command(body, topic="bot.commands.b1") == expected
    assert read_command(body, topic="bot.commands.b1", headers={wire.CONTENT_TYPE: f"application/{_SAID[encoding]}"}) == expected
    with pytest.raises(BadRequest):
        read_command(body, topic="bot.commands.another")


def test_an_envelopes_timeout_has_a_bound() -> None:
    with pytest.raises(BadRequest):
        read_command(b'{"command_id": "c", "bot_id": "b", "stop": {"timeout": "9000000s"}}')


def test_ids_and_sizes() -> None:
    with pytest.raises(IdNotValid):
        read_command(b'{"type": "stop", "command_id": "a b"}')
    with pytest.raises(PayloadTooLarge):
        read_command(b" " * 70_000)


def test_names_and_flags() -> None:
    assert (command_topic("b1"), stop_key("b1"), heartbeat_key("b1")) == ("bot.commands.b1", "bots.b1.stop", "bots.b1.heartbeat")
    assert [is_set(flag) for flag in (None, b"", b" 0 ", b"1", b"true")] == [False, False, False, True, True]
