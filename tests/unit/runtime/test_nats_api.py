"""Reading the stream server's answers."""

import pytest

from tradepit.runtime.nats_api import StreamRefused, decode_ack, nanoseconds
from tradepit.trading.model.errors import Unavailable


def test_an_acknowledgement_gives_stream_and_number() -> None:
    ack = decode_ack(b'{"stream":"TP_trades","seq":42,"duplicate":true,"domain":""}', "trades")
    assert (ack.stream, ack.seq, ack.duplicate) == ("TP_trades", 42, True)


def test_a_refusal_carries_the_servers_code_and_is_one_of_our_errors() -> None:
    refusal = b'{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 5"},"stream":"S","seq":0}'
    with pytest.raises(StreamRefused) as caught:
        decode_ack(refusal, "s")
    assert caught.value.err_code == 10071
    assert isinstance(caught.value, Unavailable)


@pytest.mark.parametrize("answer", [b"", b"+OK", b"[]", b'{"seq":"one"}'])
def test_what_is_no_acknowledgement_is_refused(answer: bytes) -> None:
    with pytest.raises(StreamRefused):
        decode_ack(answer, "s")


def test_seconds_become_whole_nanoseconds() -> None:
    assert nanoseconds(0.25) == 250_000_000
