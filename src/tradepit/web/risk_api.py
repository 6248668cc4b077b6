"""RiskApi: the service through which risk people reach order management over HTTP, and halt it when nothing else answers."""

from litestar import Litestar, Response
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from tradepit import __version__
from tradepit.runtime.order_client import Refused
from tradepit.runtime.risk_client import RiskClient
from tradepit.runtime.service import Health
from tradepit.trading.model.errors import ConfigError, RequestRefused
from tradepit.web.coded_errors import CODED_ERRORS, RESPONSE_HEADERS, AnyRequest, tell
from tradepit.web.host_guard import LOOPBACK
from tradepit.web.http_door import HttpDoor
from tradepit.web.risk_routes import MAX_BODY_BYTES, ROUTES, status_of
from tradepit.wire.simulator import RISK_API, ErrorReply


class RiskApi:
    """``port`` 0 takes any free one; the real one is in the figures. Raises ConfigError for a host beyond loopback: whoever reaches this
    door can stop and start trading, and it does not ask who they are.
    """

    def __init__(self, client: RiskClient, *, host: str, port: int, instance: str) -> None:
        if host.lower() not in LOOPBACK:
            raise ConfigError("the risk door has no authentication: it opens on this machine alone", host=host[:64])
        self._instance = instance
        self._door = HttpDoor(instance, make_app(client), host, port)

    @property
    def name(self) -> str:
        return RISK_API

    @property
    def instance(self) -> str:
        return self._instance

    @property
    def url(self) -> str:
        """Where it answers, empty before it was started."""
        return self._door.url

    async def start(self) -> None:
        """Open. Raises Unavailable when the port is taken."""
        await self._door.start()

    async def stop(self) -> None:
        """Close the door within two seconds. Idempotent."""
        await self._door.stop()

    def health(self) -> Health:
        """Healthy while the door is open."""
        figures = self._door.figures
        if not self._door.serving:
            return Health(status="UNHEALTHY", ready=False, reason="the HTTP server does not run", figures=figures)
        return Health(figures=figures)


def make_app(client: RiskClient) -> Litestar:
    """The application over ``client``. No CORS: other origins' pages cannot use it."""
    return Litestar(
        route_handlers=ROUTES,
        dependencies={"client": Provide(lambda: client, sync_to_thread=False)},
        exception_handlers={**CODED_ERRORS, RequestRefused: _refused},
        response_headers=RESPONSE_HEADERS,
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=OpenAPIConfig(
            title="tradepit risk",
            version=__version__,
            description="Limits, states, evaluation, the kill switch and its audit. Loopback only.",
            path="/schema",
            render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
            use_handler_docstrings=True,
        ),
        logging_config=None,
        debug=False,
    )


def _refused(request: AnyRequest, error: RequestRefused) -> Response[ErrorReply]:
    del request
    told = error.reply.get("details") if isinstance(error, Refused) else None
    return tell(error, details=told if isinstance(told, dict) else error.details, status_code=status_of(error))
