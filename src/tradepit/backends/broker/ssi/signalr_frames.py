"""What goes over classic ASP.NET SignalR (protocol 1.2 to 1.5), in its own one-letter names: negotiation, hub calls, answers."""

import msgspec

from tradepit.trading.model.errors import BadRequest


class Negotiated(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The answer to ``negotiate``. Times are seconds; without ``keep_alive_timeout`` the server sends nothing in silence."""

    connection_token: str
    protocol_version: str
    keep_alive_timeout: float | None = None
    disconnect_timeout: float = 30.0
    try_web_sockets: bool = True


class Refusal(msgspec.Struct, frozen=True):
    """What SSI's doors say instead of an answer, with HTTP 200 around it: HTTP's number as ``status``."""

    status: int | str = 0

    @property
    def number(self) -> int:
        """The number; 0 where it says none."""
        return int(self.status) if str(self.status).isdecimal() else 0


class Started(msgspec.Struct, frozen=True, rename="pascal"):
    """The answer to ``start``: ``started``."""

    response: str = ""


class HubCall(msgspec.Struct, frozen=True):
    """The server calls a method of ours. Arguments are JSON, to be decoded by who knows the method."""

    hub: str
    method: str
    arguments: tuple[msgspec.Raw, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """What came of a call of ours: its number, a result in JSON, or what the server says was wrong."""

    number: str
    result: msgspec.Raw
    error: str = ""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One frame. ``cursor`` is where to go on after a reconnection, empty when the frame moves nothing.

    ``ready``: the transport begins. ``ends``: the server gives the connection up. ``broken`` counts calls that cannot be read.
    """

    cursor: str = ""
    groups: str = ""
    ready: bool = False
    ends: bool = False
    calls: tuple[HubCall, ...] = ()
    answer: Answer | None = None
    broken: int = 0


class _Frame(msgspec.Struct, frozen=True, kw_only=True):
    cursor: str | None = msgspec.field(default=None, name="C")
    groups: str | None = msgspec.field(default=None, name="G")
    ready: int | None = msgspec.field(default=None, name="S")
    ends: int | None = msgspec.field(default=None, name="D")
    messages: tuple[msgspec.Raw, ...] | None = msgspec.field(default=None, name="M")
    number: str | int | None = msgspec.field(default=None, name="I")
    result: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"null"), name="R")
    error: str | None = msgspec.field(default=None, name="E")


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    hub: str = msgspec.field(name="H")
    method: str = msgspec.field(name="M")
    arguments: tuple[msgspec.Raw, ...] | None = msgspec.field(default=None, name="A")


_FRAMES = msgspec.json.Decoder(_Frame)
_CALLS = msgspec.json.Decoder(_Call)


def read_frame(frame: bytes) -> Heard:
    """What a frame says; an empty object is a sign of life. Raises BadRequest for what is no frame."""
    try:
        told = _FRAMES.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadRequest("a frame of SignalR cannot be read", cause=str(error)[:200]) from error
    calls = [_call(message) for message in told.messages or ()]
    known = tuple(call for call in calls if call is not None)
    return Heard(
        cursor=told.cursor or "",
        groups=told.groups or "",
        ready=told.ready == 1,
        ends=told.ends == 1,
        calls=known,
        answer=None if told.number is None else Answer(str(told.number), told.result, (told.error or "")[:256]),
        broken=len(calls) - len(known),
    )


def _call(message: msgspec.Raw) -> HubCall | None:
    try:
        told = _CALLS.decode(message)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return HubCall(told.hub, told.method, told.arguments or ())


def write_call(hub: str, method: str, arguments: tuple[object, ...], number: int) -> str:
    """A call of ours, as text."""
    return msgspec.json.encode({"H": hub, "M": method, "A": arguments, "I": number}).decode()


def connection_data(hub: str) -> str:
    """The hub that a connection is for, as it stands in every query."""
    return msgspec.json.encode([{"name": hub}]).decode()
