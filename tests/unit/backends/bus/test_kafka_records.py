"""Messages as Kafka's records and back."""

from typing import Any

from confluent_kafka import Message as Record

from tradepit.backends.bus.kafka_records import headers_of, id_of, key_of, read_record, sent_ns


def record(**more: Any) -> Record:
    return Record(topic="orders.event.account.A1.b1", partition=0, offset=41, value=b"{}", **more)


def test_a_key_is_no_header_and_comes_back_as_one() -> None:
    headers = {"x-key": "A1", "content-type": "application/json"}
    written = headers_of("order-event-7-1", 1_000, headers)
    assert dict(written) == {"content-type": b"application/json", "tradepit-sent": b"1000", "tradepit-id": b"order-event-7-1"}
    told = record(key=key_of(headers), headers=written)
    message = read_record(told)
    assert (message.subject, message.payload, message.sequence) == ("orders.event.account.A1.b1", b"{}", 42)
    assert message.headers == headers
    assert (id_of(told), sent_ns(told)) == ("order-event-7-1", 1_000)


def test_what_programs_outside_write_is_read_too() -> None:
    bare = Record(topic="t", partition=0, offset=0, value=None, timestamp=(1, 5))
    assert (read_record(bare).payload, read_record(bare).headers, id_of(bare), sent_ns(bare)) == (b"", {}, "", 5_000_000)
    odd = record(headers=[("a", b"\xff"), ("b", None), ("tradepit-sent", b"soon")], key=b"\xfe", timestamp=(1, 6))
    assert read_record(odd).headers == {"a": "\ufffd", "b": "", "x-key": "\ufffd"}
    assert sent_ns(odd) == 6_000_000
    assert key_of(None) is None
    assert key_of({"x-key": ""}) is None
