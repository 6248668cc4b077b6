"""Errors as every door tells them: an ``ErrorReply`` with a stable code, never a traceback."""

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response
from litestar.datastructures import ResponseHeader
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap
from loguru import logger

from tradepit.trading.model.errors import InstrumentNotFound, InternalError, PayloadTooLarge, RequestRefused, TradepitError
from tradepit.wire.simulator import ErrorReply

_CODES = {400: "INVALID_REQUEST", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "PAYLOAD_TOO_LARGE"}
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
RESPONSE_HEADERS = [ResponseHeader(name=name, value=value) for name, value in _HEADERS.items()]

AnyRequest = Request[Any, Any, Any]


def _refused(request: AnyRequest, error: HTTPException) -> Response[ErrorReply]:
    del request
    code = _CODES.get(error.status_code, "INVALID_REQUEST" if error.status_code < 500 else "INTERNAL_ERROR")
    reply = ErrorReply(error=code, message=error.detail[:200], details=_faults(error.extra))
    return Response(reply, status_code=error.status_code, headers={**(error.headers or {}), **_HEADERS})


def _faults(extra: object) -> dict[str, str]:
    """What is wrong with which parameter, as the framework tells it."""
    rows = extra if isinstance(extra, list) else []
    return {str(row.get("key", ""))[:64]: str(row.get("message", ""))[:200] for row in rows if isinstance(row, dict)}


def _status(error: RequestRefused) -> int:
    if isinstance(error, PayloadTooLarge):
        return 413
    return 404 if isinstance(error, InstrumentNotFound) else 400


def _failed(request: AnyRequest, error: TradepitError) -> Response[ErrorReply]:
    del request
    return tell(error, details=error.details)


def tell(error: TradepitError, *, details: Mapping[str, object], status_code: int | None = None) -> Response[ErrorReply]:
    """The answer to a request that failed with ``error``: 4xx for what was refused, 503 for what may work later, or as told."""
    told = {str(key): str(value)[:200] for key, value in details.items()}
    reply = ErrorReply(error=error.reason_code, message=error.message, details=told)
    if status_code is None:
        status_code = _status(error) if isinstance(error, RequestRefused) else 503
    return Response(reply, status_code=status_code, headers=_HEADERS)


def _crashed(request: AnyRequest, error: Exception) -> Response[ErrorReply]:
    logger.opt(exception=error).error("{} {} failed", request.method, request.url.path)
    reply = ErrorReply(error=InternalError.code, message=InternalError().message)
    return Response(reply, status_code=500, headers=_HEADERS)


CODED_ERRORS: ExceptionHandlersMap = {HTTPException: _refused, TradepitError: _failed, Exception: _crashed}
