"""Refuses requests that were not meant for this door, as a page on the web makes a browser send them (DNS rebinding)."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from tradepit.wire.simulator import ErrorReply
from tradepit.wire.simulator_codec import encode

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class HostGuard:
    """Wraps an application. A request passes when its ``Host`` is loopback, the configured host, or the address it came in by.

    A rebound name reaches our socket, but its requests carry the attacker's name. ``X-Forwarded-Host`` is not believed: a page
    can set it. Refused with 403 and the code HOST_NOT_ALLOWED. Browsers let any page open a websocket to any host: its
    ``Origin``, where there is one, must be such a host too.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._allowed = LOOPBACK | {host.lower()}
        self.refused = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] not in (ScopeType.HTTP, ScopeType.WEBSOCKET):
            return
        named = _headers(scope, b"host")
        if scope["type"] == ScopeType.WEBSOCKET:
            named += [origin.partition("://")[2] for origin in _headers(scope, b"origin")]
        server = scope.get("server") or ("", 0)
        allowed = self._allowed | {server[0].lower()}
        if len(_headers(scope, b"host")) == 1 and all(name_of(host) in allowed for host in named):
            await self._app(scope, receive, send)
            return
        self.refused += 1
        if scope["type"] == ScopeType.WEBSOCKET:
            await receive()
            # Before the handshake this is an answer of 403.
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        body = encode(ErrorReply(error="HOST_NOT_ALLOWED", message="the Host of the request is not this door's"))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def _headers(scope: Scope, wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == wanted]


def name_of(host: str) -> str:
    """The name in a ``Host`` header, without port and brackets, in lower case; empty when it is malformed."""
    host = host.strip().lower()
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            return ""
        port = port[1:]
    else:
        name, _, port = host.partition(":")
    return name.removesuffix(".") if not port or port.isdecimal() else ""
