"""Commands of bots: the document's spellings, and what is refused."""

import pytest

from tradepit.trading.model.errors import BadRequest, IdNotValid, PayloadTooLarge
from tradepit.wire.bots import command_topic, heartbeat_key, is_set, read_command, stop_key


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


def test_ids_and_sizes() -> None:
    with pytest.raises(IdNotValid):
        read_command(b'{"type": "stop", "command_id": "a b"}')
    with pytest.raises(PayloadTooLarge):
        read_command(b" " * 70_000)


def test_names_and_flags() -> None:
    assert (command_topic("b1"), stop_key("b1"), heartbeat_key("b1")) == ("bot.commands.b1", "bots.b1.stop", "bots.b1.heartbeat")
    assert [is_set(flag) for flag in (None, b"", b" 0 ", b"1", b"true")] == [False, False, False, True, True]
