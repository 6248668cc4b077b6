"""The monitor's web application: its routes, its coded errors and its OpenAPI document."""

from typing import Any

from litestar import Litestar, Request, Response
from litestar.datastructures import ResponseHeader
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from loguru import logger

from tradepit import __version__
from tradepit.trading.model.errors import InternalError, RequestRefused, TradepitError
from tradepit.web.monitor_routes import ROUTES
from tradepit.web.monitored_house import MonitoredHouse
from tradepit.web.prometheus_page import PrometheusPage
from tradepit.wire.simulator import ErrorReply

_CODES = {400: "INVALID_REQUEST", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "PAYLOAD_TOO_LARGE"}
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

AnyRequest = Request[Any, Any, Any]


def make_app(house: MonitoredHouse) -> Litestar:
    """The application over ``house``. No CORS: other origins' pages cannot read it."""
    page = PrometheusPage(house)
    return Litestar(
        route_handlers=ROUTES,
        dependencies={
            "house": Provide(lambda: house, sync_to_thread=False),
            "page": Provide(lambda: page, sync_to_thread=False),
        },
        exception_handlers={HTTPException: _refused, TradepitError: _failed, Exception: _crashed},
        response_headers=[ResponseHeader(name=name, value=value) for name, value in _HEADERS.items()],
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


def _refused(request: AnyRequest, error: HTTPException) -> Response[ErrorReply]:
    del request
    code = _CODES.get(error.status_code, "INVALID_REQUEST" if error.status_code < 500 else "INTERNAL_ERROR")
    reply = ErrorReply(error=code, message=error.detail[:200])
    return Response(reply, status_code=error.status_code, headers={**(error.headers or {}), **_HEADERS})


def _failed(request: AnyRequest, error: TradepitError) -> Response[ErrorReply]:
    del request
    details = {key: str(value)[:200] for key, value in error.details.items()}
    reply = ErrorReply(error=error.reason_code, message=error.message, details=details)
    return Response(reply, status_code=400 if isinstance(error, RequestRefused) else 503, headers=_HEADERS)


def _crashed(request: AnyRequest, error: Exception) -> Response[ErrorReply]:
    logger.opt(exception=error).error("{} {} failed", request.method, request.url.path)
    reply = ErrorReply(error=InternalError.code, message=InternalError().message)
    return Response(reply, status_code=500, headers=_HEADERS)
