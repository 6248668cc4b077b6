"""SignalR's frames: calls, answers and signs of life are read, a broken call hides no other, nonsense is refused by a code."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepit.backends.broker.ssi.signalr_frames import Answer, Heard, HubCall, connection_data, read_frame, write_call
from tradepit.trading.model.errors import BadRequest


def test_what_a_server_says() -> None:
    assert read_frame(b"{}") == Heard()
    assert read_frame(b'{"C":"d-0","S":1,"M":[]}') == Heard(cursor="d-0", ready=True)
    assert read_frame(b'{"C":"d-9","D":1,"G":"g"}') == Heard(cursor="d-9", groups="g", ends=True)
    heard = read_frame(b'{"C":"d-1","M":[{"H":"FcMarketDataV2Hub","M":"Broadcast","A":["{}",1]}]}')
    assert heard.calls == (HubCall("FcMarketDataV2Hub", "Broadcast", (msgspec.Raw(b'"{}"'), msgspec.Raw(b"1"))),)


def test_answers_and_what_was_wrong() -> None:
    assert read_frame(b'{"I":"3","R":[1]}').answer == Answer("3", msgspec.Raw(b"[1]"))
    wrong = read_frame(b'{"I":0,"E":"no such channel","H":true,"T":"at Hub"}').answer
    assert wrong is not None
    assert (wrong.number, wrong.error) == ("0", "no such channel")


def test_a_broken_call_hides_no_other() -> None:
    heard = read_frame(b'{"C":"d-2","M":[7,{"H":"h"},{"H":"h","M":"m"}]}')
    assert (heard.calls, heard.broken) == ((HubCall("h", "m"),), 2)


@pytest.mark.parametrize("broken", [b"", b"[]", b"\xff", b'{"M":{}}', b'{"C":5}', b'{"S":"soon"}'])
def test_what_is_no_frame_is_refused(broken: bytes) -> None:
    with pytest.raises(BadRequest):
        read_frame(broken)


@given(st.binary(max_size=60))
def test_nothing_but_a_refusal_comes_of_noise(noise: bytes) -> None:
    try:
        read_frame(noise)
    except BadRequest as error:
        assert error.reason_code == "INVALID_REQUEST"


def test_what_is_written() -> None:
    assert msgspec.json.decode(write_call("h", "SwitchChannels", ("X:ALL",), 2)) == {
        "H": "h",
        "M": "SwitchChannels",
        "A": ["X:ALL"],
        "I": 2,
    }
    assert connection_data("BroadcastHubV2") == '[{"name":"BroadcastHubV2"}]'
