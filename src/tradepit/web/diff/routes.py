"""The HTTP and websocket doors of the DIFF front: login and grants, contract and calendar files, market and trading sockets."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from litestar import Litestar, Response, get, post, put, websocket
from litestar.datastructures import State
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath

from tradepit.web.diff.access import Access
from tradepit.web.diff.conversation import Party, Socket, converse

_REALM = "/auth/realms/shinnytech"
_FOREVER = {"exp": 4_102_415_999, "daysleft": 9_999, "account_type": "SPECIALPRO"}


class Doors(msgspec.Struct, kw_only=True):
    """What lies behind the routes. The two parties are made for each websocket, given its ``Authorization`` header."""

    access: Access
    market: Callable[[str], Party]
    trade: Callable[[str], Party]
    contracts: Callable[[], dict[str, Any]]
    holidays: Callable[[], list[str]]
    mains: Callable[[], dict[str, list[list[str]]]]


def make_app(doors: Doors) -> Litestar:
    """The application. It closes no websocket with 1000 or 1001."""
    handlers = [login, grants, update_grants, contract_file, holiday_file, main_contract_file, market_socket, trade_socket]
    return Litestar(route_handlers=handlers, state=State({"doors": doors}), openapi_config=None, logging_config=None, debug=False)


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


@get("/symbols.json", sync_to_thread=False)
def contract_file(state: State) -> dict[str, Any]:
    """All listed contracts, for clients that do not ask the instrument service."""
    return _doors(state).contracts()


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


async def _serve(socket: Socket, kind: Callable[[Doors], Callable[[str], Party]]) -> None:
    doors, authorization = _doors(socket.app.state), socket.headers.get("authorization", "")
    if not doors.access.admits(authorization):
        await socket.close(code=4401)
        return
    await socket.accept()
    await converse(socket, kind(doors)(authorization))


def _doors(state: State) -> Doors:
    doors: Doors = state["doors"]
    return doors
