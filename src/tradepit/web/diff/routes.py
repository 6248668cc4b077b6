"""The HTTP and websocket doors of the DIFF front: login and grants, contract and calendar files, market and trading sockets."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from litestar import Litestar, Request, Response, get, post, put, websocket
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath

from tradepit.trading.model.errors import Unavailable
from tradepit.web.diff.access import Access, Caller
from tradepit.web.diff.conversation import Party, Socket, converse
from tradepit.web.diff.trade_session import BROKERS

_REALM = "/auth/realms/shinnytech"
_LOCAL_PAGES = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
_FOREVER = {"exp": 4_102_415_999, "daysleft": 9_999, "account_type": "SPECIALPRO"}


class Doors(msgspec.Struct, kw_only=True):
    """What lies behind the routes. The two parties are made for each websocket, given what its handshake told."""

    access: Access
    market: Callable[[Caller], Party]
    trade: Callable[[Caller], Party]
    contracts: Callable[[], Awaitable[dict[str, Any]]]
    holidays: Callable[[], list[str]]
    mains: Callable[[], dict[str, list[list[str]]]]


def make_app(doors: Doors) -> Litestar:
    """The application. It closes no websocket with 1000 or 1001."""
    files = [contract_file, broker_file, holiday_file, main_contract_file]
    return Litestar(
        route_handlers=[login, grants, update_grants, *files, market_socket, trade_socket],
        state=State({"doors": doors}),
        # A page of this machine, for the vendor's client in a browser.
        cors_config=CORSConfig(allow_origins=[], allow_origin_regex=_LOCAL_PAGES, allow_methods=["GET", "POST"]),
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


@post(f"{_REALM}/protocol/openid-connect/token", status_code=200, sync_to_thread=False)
def login(
    state: State, data: Annotated[dict[str, Any], Body(media_type=RequestEncodingType.URL_ENCODED)]
) -> Response[dict[str, Any]]:
    """A token for a name and a password, or for a token that was handed out before."""
    access = _doors(state).access
    if data.get("grant_type") == "refresh_token":
        user = access.user_of(str(data.get("refresh_token", "")))
        token = access.token(user) if user else ""
    else:
        token = access.login(str(data.get("username", "")), str(data.get("password", "")))
    if not token:
        refusal = {"error": "invalid_grant", "error_description": "Invalid user credentials"}
        return Response(refusal, status_code=401)
    return Response({"access_token": token, "refresh_token": token, "token_type": "bearer", "expires_in": 86_400})


@get(f"{_REALM}/rest/get-grant/tq", sync_to_thread=False)
def grants() -> dict[str, Any]:
    """How long the licence lasts: for good."""
    return _FOREVER


@put(f"{_REALM}/rest/update-grant-accounts/{{account:path}}", sync_to_thread=False)
def update_grants(account: FromPath[str]) -> dict[str, Any]:
    """Every account may be traded by whoever knows its password."""
    return {"account_id": account.removeprefix("/")[:64]}


@get("/symbols.json")
async def contract_file(state: State) -> Response[dict[str, Any]]:
    """All listed contracts, for clients that do not ask the instrument service."""
    try:
        return Response(await _doors(state).contracts())
    except Unavailable as error:
        return Response({"error": error.reason_code, "message": error.message}, status_code=503)


@get("/broker-list.json", sync_to_thread=False)
def broker_file(request: Request[Any, Any, Any]) -> dict[str, dict[str, str]]:
    """Where each broker's trading socket is: here, under the address by which the client came."""
    socket = f"ws://{request.headers['host']}/td"
    return {broker: {"url": socket} for broker in BROKERS}


@get("/holiday.json", sync_to_thread=False)
def holiday_file(state: State) -> list[str]:
    """Working days on which nothing is traded, ``YYYY-MM-DD``."""
    return _doors(state).holidays()


@get("/cont.json", sync_to_thread=False)
def main_contract_file(state: State) -> dict[str, list[list[str]]]:
    """Which contract was a product's main one from which day on."""
    return _doors(state).mains()


@websocket("/md")
async def market_socket(socket: Socket) -> None:
    """The market-data socket."""
    await _serve(socket, lambda doors: doors.market)


@websocket("/td")
async def trade_socket(socket: Socket) -> None:
    """The trading socket."""
    await _serve(socket, lambda doors: doors.trade)


async def _serve(socket: Socket, kind: Callable[[Doors], Callable[[Caller], Party]]) -> None:
    doors, caller = _doors(socket.app.state), _caller(socket)
    if not doors.access.admits(caller.token):
        await socket.close(code=4401)
        return
    await socket.accept()
    await converse(socket, kind(doors)(caller))


def _caller(socket: Socket) -> Caller:
    """A browser cannot set headers: the vendor's JavaScript client puts its token into the address."""
    header = socket.headers.get("authorization", "").removeprefix("Bearer ").strip()
    return Caller(
        token=header or socket.query_params.get("access_token", ""),
        agent=socket.headers.get("user-agent", ""),
    )


def _doors(state: State) -> Doors:
    doors: Doors = state["doors"]
    return doors
