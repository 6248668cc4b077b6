"""The part of JetStream's request protocol that tradepit uses: streams, consumers, stored messages, acknowledged publishing."""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from tradepit.runtime.nats_connection import decode_headers
from tradepit.runtime.nats_link import NatsLink
from tradepit.trading.model.errors import Unavailable

NOT_FOUND = frozenset({10014, 10059})  # consumer, stream
NAME_IN_USE = 10058
_NO_MESSAGE = 10037
WRONG_LAST = frozenset({10071, 10164})
_SECOND_NS = 1_000_000_000


class StreamRefused(Unavailable):
    """The stream server refused a request."""

    def __init__(self, description: str, err_code: int, request: str) -> None:
        super().__init__(description, err_code=err_code, request=request)
        self.err_code = err_code


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """The server kept a message as number ``seq`` of ``stream``; ``duplicate``: it already had one of that id."""

    stream: str = ""
    seq: int = 0
    duplicate: bool = False


class _Failure(msgspec.Struct, frozen=True):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _Answer(Ack, frozen=True, kw_only=True):
    error: _Failure | None = None


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One message as the stream keeps it."""

    subject: str
    sequence: int
    payload: bytes
    headers: Mapping[str, str] = {}


class StreamState(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream holds, when it was made (made anew, it counts from 1 again), and its configuration."""

    messages: int
    first: int
    last: int
    created: str
    config: Mapping[str, Any]


_ANSWER = msgspec.json.Decoder(_Answer)


def nanoseconds(seconds: float) -> int:
    """Seconds as the whole nanoseconds that the protocol wants."""
    return int(seconds * _SECOND_NS)


def decode_ack(payload: bytes, request: str) -> Ack:
    """Read the answer to a publication. Raises StreamRefused."""
    try:
        answer = _ANSWER.decode(payload)
    except msgspec.MsgspecError as error:
        raise StreamRefused("not an acknowledgement", 0, request) from error
    if answer.error is not None:
        raise StreamRefused(answer.error.description, answer.error.err_code, request)
    return answer


async def call(link: NatsLink, verb: str, body: Mapping[str, Any] | None = None, *, timeout_s: float = 3.0) -> dict[str, Any]:
    """One request to ``$JS.API.<verb>``. Raises StreamRefused, TimedOut, Unavailable."""
    payload = msgspec.json.encode(body) if body is not None else b""
    reply = await link.ask(f"$JS.API.{verb}", payload, timeout_s=timeout_s)
    answer: dict[str, Any] = msgspec.json.decode(reply.data)
    if "error" in answer:
        error = answer["error"]
        raise StreamRefused(error.get("description", ""), error.get("err_code", 0), verb)
    return answer


async def keep(
    link: NatsLink, subject: str, payload: bytes, *, timeout_s: float, headers: Mapping[str, str] | None = None
) -> Ack:
    """Publish and wait for the server's acknowledgement. Raises StreamRefused, TimedOut (it may be kept), Unavailable."""
    reply = await link.ask(subject, payload, timeout_s=timeout_s, headers=headers)
    return decode_ack(reply.data, subject)


async def ensure_stream(link: NatsLink, name: str, subjects: list[str], **settings: object) -> None:
    """Create a stream on disk unless it exists. An existing one is taken as it is. Raises StreamRefused."""
    config = {"name": name, "subjects": subjects, "retention": "limits", "storage": "file", "num_replicas": 1, **settings}
    try:
        await call(link, f"STREAM.CREATE.{name}", config)
    except StreamRefused as error:
        if error.err_code != NAME_IN_USE:
            raise


async def stream_state(link: NatsLink, name: str, *, timeout_s: float = 3.0) -> StreamState:
    """First and last sequence and the configuration. Raises StreamRefused when there is no such stream."""
    answer = await call(link, f"STREAM.INFO.{name}", timeout_s=timeout_s)
    state = answer["state"]
    return StreamState(
        messages=state["messages"],
        first=state["first_seq"],
        last=state["last_seq"],
        created=answer["created"],
        config=answer["config"],
    )


async def create_consumer(link: NatsLink, stream: str, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Create a consumer, or find it as it is. Raises StreamRefused."""
    verb = f"CONSUMER.CREATE.{stream}.{name}"
    if config.get("filter_subject"):
        verb = f"{verb}.{config['filter_subject']}"
    return await call(link, verb, {"stream_name": stream, "config": {"name": name, **config}, "action": ""})


async def stored(link: NatsLink, stream: str, *, timeout_s: float = 3.0, **which: object) -> Stored | None:
    """The stored message chosen by ``seq=`` or ``last_by_subj=``, read from the leader; None when there is none."""
    try:
        answer = await call(link, f"STREAM.MSG.GET.{stream}", which, timeout_s=timeout_s)
    except StreamRefused as error:
        if error.err_code == _NO_MESSAGE:
            return None
        raise
    message = answer["message"]
    data = base64.b64decode(message["data"]) if message.get("data") else b""
    headers = decode_headers(base64.b64decode(message["hdrs"])) if message.get("hdrs") else {}
    return Stored(subject=message["subject"], sequence=message["seq"], payload=data, headers=headers)
