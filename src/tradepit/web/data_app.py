"""The Data API's web application: its routes, its coded errors, its OpenAPI document, and a meter around all of it."""

from time import perf_counter

from litestar import Litestar
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from tradepit import __version__
from tradepit.web.coded_errors import CODED_ERRORS, RESPONSE_HEADERS
from tradepit.web.data_meters import DataMeters
from tradepit.web.data_page import DataPage
from tradepit.web.data_routes import ROUTES, check_query
from tradepit.web.data_source import DataSource
from tradepit.web.data_standing import DataStanding
from tradepit.wire.data_api import BARS_PATH, INSTRUMENTS_PATH, SNAPSHOT_PATH, TICKS_PATH

_KINDS = {path: path.rpartition("/")[2] for path in (INSTRUMENTS_PATH, SNAPSHOT_PATH, TICKS_PATH, BARS_PATH)}
_OTHERS = "others"


class Metered:
    """Wraps an application: counts its answers by kind and status, and how long they took."""

    def __init__(self, app: ASGIApp, meters: DataMeters) -> None:
        self._app, self._meters = app, meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        begun, status = perf_counter(), 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            kind = _KINDS.get("/".join(scope["path"].split("/", 3)[:3]), _OTHERS)
            self._meters.answered(kind, status, perf_counter() - begun)


def make_app(source: DataSource, page: DataPage, standing: DataStanding) -> Litestar:
    """The application over ``source``. No CORS: other origins' pages cannot read it."""
    return Litestar(
        route_handlers=ROUTES,
        dependencies={
            "source": Provide(lambda: source, sync_to_thread=False),
            "page": Provide(lambda: page, sync_to_thread=False),
            "standing": Provide(lambda: standing, sync_to_thread=False),
        },
        before_request=check_query,
        exception_handlers=CODED_ERRORS,
        response_headers=RESPONSE_HEADERS,
        openapi_config=OpenAPIConfig(
            title="tradepit Data API",
            version=__version__,
            description="Market data of a running house: snapshots, ticks of the hot window, bars. Read-only, loopback by default.",
            path="/schema",
            # The document alone: the viewers load their code from elsewhere.
            render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
            use_handler_docstrings=True,
        ),
        logging_config=None,
        debug=False,
    )
