"""Messages of a journal's stream."""

import struct
import zlib

import pytest

from tradepit.backends.journal.jetstream import _encode
from tradepit.verify import jetstream_journal
from tradepit.verify.entries import Entry, UnreadableError
from tradepit.verify.jetstream_journal import decode_message, read_messages, read_stream


def message(epoch: int, count: int, body: bytes) -> bytes:
    rest = struct.pack("<QQI", epoch, 77, count) + body
    return b"TPJ1" + struct.pack("<I", zlib.crc32(rest)) + rest


def test_a_message_is_an_entry() -> None:
    body = struct.pack("<I", 2) + b"ab" + struct.pack("<I", 0)
    assert decode_message("s", 5, message(3, 2, body)) == Entry(5, 3, (b"ab", b""))


def test_what_the_house_writes_is_what_the_verifier_reads() -> None:
    assert decode_message("s", 1, _encode([b'{"a":1}', b"z"], 4, 99)) == Entry(1, 4, (b'{"a":1}', b"z"))


@pytest.mark.parametrize("payload", [b"", b"TPJ2" + bytes(30), message(1, 2, b"\x01\0\0\0x"), message(1, 1, b"\x01\0\0\0xy")])
def test_a_damaged_message_is_named(payload: bytes) -> None:
    with pytest.raises(UnreadableError) as error:
        decode_message("nats://h/S", 9, payload)
    assert (error.value.location, error.value.offset) == ("nats://h/S", 9)


def test_every_flipped_byte_is_damage() -> None:
    whole = message(3, 1, b"\x01\0\0\0x")
    for at in range(len(whole)):
        data = bytearray(whole)
        data[at] ^= 0x10
        with pytest.raises(UnreadableError):
            decode_message("s", 1, bytes(data))


def test_a_stream_needs_a_name() -> None:
    with pytest.raises(UnreadableError, match="names no stream"):
        next(read_messages("nats://127.0.0.1:4222"))


class Server:
    """Stands for the connection to a server: pages of three, one message more than there were at the beginning."""

    ended = 0

    def __init__(self, server: str, stream: str) -> None:
        self.place, self.messages = (server, stream), [(at, "journal.S", message(1, 0, b"")) for at in range(1, 9)]

    async def begin(self) -> int:
        if self.place != ("nats://127.0.0.1:4222", "S"):
            raise OSError("nobody there")
        return 7

    async def page(self) -> list[tuple[int, str, bytes]]:
        page, self.messages = self.messages[:3], self.messages[3:]
        return page

    async def end(self) -> None:
        Server.ended += 1


def test_pages_are_read_up_to_what_was_there_at_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jetstream_journal, "_Reading", Server)
    Server.ended = 0
    assert [entry.sequence for entry in read_stream("nats://127.0.0.1:4222/S")] == [1, 2, 3, 4, 5, 6, 7]
    assert Server.ended == 1


def test_a_server_that_fails_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jetstream_journal, "_Reading", Server)
    with pytest.raises(UnreadableError, match="nobody there") as error:
        list(read_stream("nats://127.0.0.1:4222/OTHER"))
    assert error.value.location == "nats://127.0.0.1:4222/OTHER"
