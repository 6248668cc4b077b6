"""The producer's web application: one route that publishes a message on a topic of the contract."""

import re
from collections.abc import Mapping, Sequence

import msgspec
from litestar import Litestar, get, post

from tradepit.ports.bus import Bus, Channel
from tradepit.trading.model.errors import BadRequest, PayloadTooLarge, RequestRefused
from tradepit.web.coded_errors import CODED_ERRORS, RESPONSE_HEADERS, AnyRequest
from tradepit.wire.platform import KEY_HEADER

MAX_BODY_BYTES = 1024 * 1024
_MAX_HEADERS, _MAX_TEXT = 32, 1024
_TOPIC = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


class ProduceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``POST /api/v1/messages``. ``value`` is the message; without ``topic`` it goes to the default one.

    What has the same ``key`` keeps its order, on a bus that has keys (elsewhere it is the header ``x-key``). Names of headers are
    ``[A-Za-z0-9_.-]``; those of the bus itself (``nats-``, ``x-key``) cannot be set.
    """

    value: str
    topic: str = ""
    key: str = ""
    headers: dict[str, str] = {}


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """The reply: the bus has kept the message."""

    status: str = "queued"


class MessageDoor:
    """Checks requests and publishes them. A topic the bus does not keep is refused: nothing is said to be queued and then lost."""

    def __init__(self, bus: Bus, channels: Sequence[Channel], default_topic: str) -> None:
        self._bus, self._default = bus, default_topic
        self._patterns = [
            re.compile(re.escape(channel.subject).replace(r"\*", "[A-Za-z0-9_-]+")) for channel in channels if channel.durable
        ]
        self.queued = self.refused = 0

    async def take(self, content_type: str, body: bytes) -> None:
        """Publish what a body asks for. Raises BadRequest and its kin, Unavailable."""
        try:
            told = self._read(content_type, body)
        except RequestRefused:
            self.refused += 1
            raise
        topic = told.topic or self._default
        headers = {**told.headers, KEY_HEADER: told.key} if told.key else told.headers
        await self._bus.publish(topic, told.value.encode(), headers=headers)
        self.queued += 1

    def _read(self, content_type: str, body: bytes) -> ProduceRequest:
        # A page in a browser can send other types to us unasked, this one not.
        if content_type != "application/json":
            raise BadRequest("content-type must be application/json", told=content_type[:64])
        if len(body) > MAX_BODY_BYTES:
            raise PayloadTooLarge(size=len(body), limit=MAX_BODY_BYTES)
        try:
            told = msgspec.json.decode(body, type=ProduceRequest)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
            raise BadRequest(str(error)[:200]) from error
        if not told.value:
            raise BadRequest("value is required")
        _check_headers(told)
        topic = told.topic or self._default
        if not topic:
            raise BadRequest("topic is required: there is no default topic")
        if not _TOPIC.fullmatch(topic) or not any(pattern.fullmatch(topic) for pattern in self._patterns):
            raise BadRequest("no such topic", topic=topic[:128])
        return told


def _check_headers(told: ProduceRequest) -> None:
    headers: Mapping[str, str] = {**told.headers, KEY_HEADER: told.key}
    if len(headers) > _MAX_HEADERS or KEY_HEADER in {name.lower() for name in told.headers}:
        raise BadRequest(f"at most {_MAX_HEADERS} headers, and none called {KEY_HEADER}")
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or name.lower().startswith("nats-"):
            raise BadRequest("not the name of a header", header=name[:64])
        if len(value) > _MAX_TEXT or not (value.isascii() and (value.isprintable() or not value)):
            raise BadRequest("a header's value must be printable ASCII", header=name)


def make_app(door: MessageDoor) -> Litestar:
    """The application over ``door``. No CORS: other origins' pages cannot use it."""

    @post("/api/v1/messages", status_code=202, summary="Publish a message")
    async def messages(request: AnyRequest) -> Queued:
        await door.take(request.content_type[0], await request.body())
        return Queued()

    @get("/healthz", sync_to_thread=False, summary="The producer lives")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return Litestar(
        route_handlers=[messages, healthz],
        exception_handlers=CODED_ERRORS,
        response_headers=RESPONSE_HEADERS,
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
