"""The monitor's web application: its routes, its coded errors and its OpenAPI document."""

from litestar import Litestar
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from tradepit import __version__
from tradepit.web.coded_errors import CODED_ERRORS, RESPONSE_HEADERS
from tradepit.web.monitor_routes import ROUTES
from tradepit.web.monitored_house import MonitoredHouse
from tradepit.web.prometheus_page import PrometheusPage


def make_app(house: MonitoredHouse) -> Litestar:
    """The application over ``house``. No CORS: other origins' pages cannot read it."""
    page = PrometheusPage(house)
    return Litestar(
        route_handlers=ROUTES,
        dependencies={
            "house": Provide(lambda: house, sync_to_thread=False),
            "page": Provide(lambda: page, sync_to_thread=False),
        },
        exception_handlers=CODED_ERRORS,
        response_headers=RESPONSE_HEADERS,
        openapi_config=OpenAPIConfig(
            title="tradepit monitor",
            version=__version__,
            description="Instances, leaders, health and metrics of a running house. Read-only, loopback by default.",
            path="/schema",
            # The document alone: the viewers load their code from elsewhere.
            render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
            use_handler_docstrings=True,
        ),
        logging_config=None,
        debug=False,
    )
