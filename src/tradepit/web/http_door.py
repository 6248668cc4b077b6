"""HttpDoor: a server and the guard before it, as every service with a door of HTTP opens, names and shows it."""

from litestar.types import ASGIApp
from loguru import logger

from tradepit.web.host_guard import LOOPBACK, HostGuard
from tradepit.web.http_server import HttpServer


class HttpDoor:
    """``port`` 0 takes any free port; the real one is in the figures and in the log, where ``name`` says whose door it is.

    ``asks_who``: the application itself lets in only whom it knows. Any other door that is opened beyond loopback says so.
    """

    def __init__(
        self, name: str, app: ASGIApp, host: str, port: int, *, websockets: bool = False, asks_who: bool = False
    ) -> None:
        self._name, self._is_public = name, host.lower() not in LOOPBACK and not asks_who
        self._guard = HostGuard(app, host)
        self._server = HttpServer(self._guard, host, port, websockets=websockets)

    @property
    def url(self) -> str:
        """Where it answers, empty before it was started."""
        return self._server.url

    @property
    def serving(self) -> bool:
        """True while requests are taken."""
        return self._server.serving

    @property
    def figures(self) -> dict[str, str | int | float | bool]:
        """What a heartbeat tells of the door."""
        return {"url": self.url, "port": self._server.port, "hosts_refused": self._guard.refused}

    async def start(self) -> None:
        """Take requests. Raises Unavailable when the port is taken. Idempotent."""
        if self.serving:
            return
        await self._server.start()
        if self._is_public:
            logger.warning("{}: reachable from other machines at {}, without authentication", self._name, self.url)
        logger.info("{}: {}", self._name, self.url)

    async def stop(self) -> None:
        """Finish the requests in hand, for two seconds at most. Idempotent."""
        await self._server.stop()
