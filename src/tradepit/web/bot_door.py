"""The bot runner's HTTP door (platform document, section 8.1): ``/metrics``, ``/healthz``, ``/readyz`` and ``/bots``, read-only."""

from typing import Any

import msgspec
from litestar import Litestar, MediaType, Response, get
from litestar.types import ControllerRouterHandler

from tradepit.services.bot_runner import BotRunner
from tradepit.web.bot_page import BotPage
from tradepit.web.coded_errors import CODED_ERRORS, RESPONSE_HEADERS
from tradepit.web.http_door import HttpDoor
from tradepit.web.prometheus_page import CONTENT_TYPE
from tradepit.wire.bots import BotHeartbeat


class BotVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of ``/healthz`` and ``/readyz``; ``reasons`` by bot."""

    ok: bool
    reasons: dict[str, str] = {}


def bot_door(runner: BotRunner, host: str, port: int) -> HttpDoor:
    """The door of a runner. Beyond loopback (in a pod) it tells the same to everybody who reaches it: no secrets, no orders."""
    return HttpDoor(runner.instance, make_app(runner), host, port)


def make_app(runner: BotRunner) -> Litestar:
    """The application over ``runner``'s bots."""
    return Litestar(
        route_handlers=_routes(runner),
        exception_handlers=CODED_ERRORS,
        response_headers=RESPONSE_HEADERS,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def _routes(runner: BotRunner) -> list[ControllerRouterHandler]:
    page = BotPage(runner.seats.values())

    @get("/metrics", media_type=MediaType.TEXT, sync_to_thread=False)
    def metrics() -> Response[bytes]:
        return Response(page.render(), media_type=CONTENT_TYPE)

    @get(["/healthz", "/health"], sync_to_thread=False)
    def healthz() -> Response[BotVerdict]:
        """503 when only a new process helps: a bot's call does not return, or the bot has failed."""
        return _verdict(runner.problems())

    @get(["/readyz", "/ready"], sync_to_thread=False)
    def readyz() -> Response[BotVerdict]:
        """503 while not every bot is called with ticks: it starts, was paused or stopped, or is at fault."""
        return _verdict(runner.unready())

    @get("/bots", sync_to_thread=False)
    def bots() -> list[dict[str, Any]]:
        """Heartbeats, and what the bots say of themselves."""
        return [_row(seat.heartbeat(), seat.look.health) for seat in runner.seats.values()]

    return [metrics, healthz, readyz, bots]


def _row(heartbeat: BotHeartbeat, health: dict[str, Any]) -> dict[str, Any]:
    return msgspec.structs.asdict(heartbeat) | {"health": health}


def _verdict(reasons: dict[str, str]) -> Response[BotVerdict]:
    return Response(BotVerdict(ok=not reasons, reasons=reasons), status_code=503 if reasons else 200)
