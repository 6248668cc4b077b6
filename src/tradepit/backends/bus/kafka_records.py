"""Messages as Kafka's records: a key, headers as bytes, and two headers of our own for id and order."""

from collections.abc import Mapping, Sequence

from confluent_kafka import Message as Record

from tradepit.ports.bus import Message
from tradepit.wire.platform import KEY_HEADER

# The id that makes a repeated message harmless, and the instant of publishing in nanoseconds, which rises with every message.
ID_HEADER, SENT_HEADER = "tradepit-id", "tradepit-sent"
_OWN = frozenset({ID_HEADER, SENT_HEADER})
Headers = list[tuple[str, str | bytes | None]]


def headers_of(message_id: str, sent_ns: int, headers: Mapping[str, str] | None) -> Headers:
    """A record's headers. The key is none of them: see ``key_of``."""
    told: Headers = [(name, value.encode()) for name, value in (headers or {}).items() if name != KEY_HEADER]
    told.append((SENT_HEADER, str(sent_ns).encode()))
    if message_id:
        told.append((ID_HEADER, message_id.encode()))
    return told


def key_of(headers: Mapping[str, str] | None) -> bytes | None:
    """A record's key: what has the same one is in the same partition, and keeps its order."""
    key = (headers or {}).get(KEY_HEADER)
    return key.encode() if key else None


def read_record(record: Record) -> Message:
    """A record as the port's message; its number is that of its place in its partition, from 1."""
    told = _headers(record)
    headers = {name: value.decode(errors="replace") for name, value in told if name not in _OWN}
    if key := record.key():
        headers.setdefault(KEY_HEADER, key.decode(errors="replace"))
    return Message(
        subject=record.topic() or "",
        payload=record.value() or b"",
        headers=headers,
        sequence=(record.offset() or 0) + 1,
    )


def id_of(record: Record) -> str:
    """The message's id, empty where its publisher gave none."""
    return next((value.decode(errors="replace") for name, value in _headers(record) if name == ID_HEADER), "")


def sent_ns(record: Record) -> int:
    """When the message was published, as far as its publisher says so, else when Kafka has it noted (UTC ns)."""
    for name, value in _headers(record):
        if name == SENT_HEADER and value.isdigit():
            return int(value)
    return record.timestamp()[1] * 1_000_000


def _headers(record: Record) -> Sequence[tuple[str, bytes]]:
    # The client has lists of pairs, whose values may be none, where a record has headers.
    found = record.headers() or []
    pairs = found.items() if isinstance(found, dict) else found
    return [(name, value.encode() if isinstance(value, str) else value or b"") for name, value in pairs]
