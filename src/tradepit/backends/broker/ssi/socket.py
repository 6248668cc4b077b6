"""A WebSocket to SSI V3, joined with a token."""

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException

from tradepit.trading.model.errors import Unavailable

_MAX_FRAME = 1 << 20
_PING_S = 15.0
_REFUSED = (401, 403)


class TokenRefused(Unavailable):
    """SSI's stream does not take the token."""


async def open_socket(url: str, token: str, timeout_s: float) -> ClientConnection:
    """An open connection, which finds out by itself when the other side is gone. Raises Unavailable, TokenRefused."""
    try:
        return await connect(
            url,
            additional_headers={"Authorization": f"Bearer {token}"},
            open_timeout=timeout_s,
            close_timeout=1,
            max_size=_MAX_FRAME,
            ping_interval=_PING_S,
            ping_timeout=_PING_S,
            proxy=None,
        )
    except InvalidStatus as error:
        kind = TokenRefused if error.response.status_code in _REFUSED else Unavailable
        raise kind("SSI's stream cannot be joined", status=error.response.status_code) from error
    except (OSError, TimeoutError, WebSocketException, InvalidHandshake, InvalidURI) as error:
        raise Unavailable("SSI's stream cannot be joined", cause=type(error).__name__) from error
