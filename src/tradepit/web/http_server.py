"""A uvicorn server inside the process's event loop: bound before it serves, no signal handlers, stopped within two seconds."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from litestar.types import ASGIApp
from loguru import logger

from tradepit.trading.model.errors import Unavailable

_GRACE_S = 1
_STOP_S = 1.8
_MAX_CONNECTIONS = 200
_MAX_PACKET_BYTES = 1024 * 1024


class HttpServer:
    """``start`` binds and serves, ``stop`` finishes the requests in hand for at most a second. Both are idempotent.

    With ``websockets`` the application's are served too: never pinged, and closed with 1012 (restarting) when the server stops.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, *, websockets: bool = False) -> None:
        self._app, self._host, self._wanted, self._websockets = app, host, port, websockets
        self._server: _Embedded | None = None
        self._task: asyncio.Task[None] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where the server answers, empty before it was started."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}" if self.port else ""

    @property
    def serving(self) -> bool:
        """True while requests are taken."""
        return self._task is not None and not self._task.done()

    async def start(self) -> None:
        """Bind (port 0: any free one, then in ``port``) and serve. Raises Unavailable when the port is taken."""
        if self._task is not None:
            return
        listener = _listen(self._host, self._wanted)
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            http="h11",
            ws="websockets-sansio" if self._websockets else "none",
            # Whoever is busy elsewhere does not answer pings, and is not gone for that.
            ws_ping_interval=None,
            ws_max_size=_MAX_PACKET_BYTES,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_MAX_CONNECTIONS,
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = _Embedded(config)
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[listener]), name="http-server")
        ready = asyncio.ensure_future(self._server.ready.wait())
        await asyncio.wait({ready, self._task}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._task.done():
            listener.close()
            raise Unavailable("the HTTP server did not start", url=self.url) from self._task.exception()

    async def stop(self) -> None:
        """Take no new request, finish those in hand, close."""
        server, self._server = self._server, None
        task, self._task = self._task, None
        if server is None or task is None:
            return
        server.should_exit = True
        done, _ = await asyncio.wait({task}, timeout=_STOP_S)
        if not done:
            server.force_exit = True
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            logger.warning("the HTTP server at {} was ended with requests in hand", self.url)
        elif (error := task.exception()) is not None:
            logger.error("the HTTP server at {} had failed: {}", self.url, error)


class _Embedded(uvicorn.Server):
    """Leaves signals to the host of the process, and tells when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port whose last connections are still in TIME_WAIT can be taken again; one that somebody listens on cannot.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise Unavailable(f"cannot listen: {error.strerror or error}", host=host, port=port) from error
    return listener
