"""The risk door's routes: limits and states of scopes, evaluation, the kill switch, and who did what."""

from decimal import Decimal
from typing import Any

import msgspec
from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from tradepit import __version__
from tradepit.runtime.risk_client import RiskClient
from tradepit.trading.model.errors import BadRequest, PayloadTooLarge, TradepitError
from tradepit.trading.model.terms import OrderType
from tradepit.web.coded_errors import AnyRequest
from tradepit.wire.order_controls import EvaluateRequest, HaltStanding
from tradepit.wire.simulator import ErrorReply, StateRequest

Client = NamedDependency[RiskClient]
KEY, IF_MATCH = "idempotency-key", "if-match"
MAX_BODY_BYTES = 64 * 1024
Reply = dict[str, Any]


class LimitsChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``PATCH /risk/limits/{scope}``: a rule's table takes the place of what was set for it, null removes it."""

    limits: dict[str, dict[str, Any] | None]
    who: str
    reason: str


class HaltOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``POST /risk/halt``. ``state`` is HALTED (working orders are cancelled) or REDUCING; ``flatten`` closes what is held."""

    scope: str
    who: str
    reason: str
    state: str = "HALTED"
    flatten: bool = False
    wait_ms: int = 1_000


class ResumeOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``POST /risk/resume``."""

    scope: str
    who: str
    reason: str


class Proposal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``POST /api/v1/risk/evaluate``, in the platform document's words; at the market where no price is proposed."""

    account_id: str
    bot_id: str = ""
    symbol: str
    proposed_side: str
    proposed_qty: int
    proposed_price: Decimal | None = None
    offset: str = "OPEN"


class WaitingHalts(msgspec.Struct, frozen=True, kw_only=True):
    """Halts in the data folder's box."""

    waiting: list[StateRequest]


class RiskHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The door lives."""

    status: str
    version: str


@get(["/healthz", "/health"], sync_to_thread=False, summary="The door lives")
def health() -> RiskHealth:
    """200 as long as it answers; whether order management does is the monitor's to say."""
    return RiskHealth(status="ok", version=__version__)


@get("/risk/limits", summary="Rules, limits and states")
async def limits(client: Client) -> Reply:
    """The rules as configured, what is set for scopes since, and the scopes that do not trade freely."""
    return await client.ask("get_limits", {})


@get("/risk/limits/{name:str}", summary="The limits of a scope")
async def limits_of(client: Client, name: FromPath[str]) -> Response[Reply]:
    """What is set for it, with its revision as ETag; revision 0 where nothing ever was."""
    told = await client.ask("get_limits", {"scope": name})
    return _one_scope(told, name)


@patch("/risk/limits/{name:str}", summary="Change the limits of a scope")
async def change_limits(request: AnyRequest, client: Client, name: FromPath[str]) -> Response[Reply] | Response[ErrorReply]:
    """Needs ``If-Match`` with the revision seen (``*`` for whichever it is); 412 when the scope was changed since."""
    revision = request.headers.get(IF_MATCH, "")
    if not revision:
        return Response(
            ErrorReply(error="REVISION_REQUIRED", message="If-Match must tell the revision that is changed"), status_code=428
        )
    change = await _body(request, LimitsChange)
    body = {"scope": name, "limits": change.limits, "who": change.who, "reason": change.reason, "key": _key(request)}
    told = await client.ask("set_limits", body if revision == "*" else body | {"revision": _number(revision)})
    return _one_scope(told, name)


@post("/risk/evaluate", status_code=200, summary="What would the review say")
async def evaluate(request: AnyRequest, client: Client) -> Reply:
    """Nothing is counted, journaled or sent."""
    order = await _body(request, EvaluateRequest)
    return await client.ask("evaluate", {name: getattr(order, name) for name in order.__struct_fields__})


@post("/api/v1/risk/evaluate", status_code=200, summary="The same, as bots of the platform ask it")
async def evaluate_proposal(request: AnyRequest, client: Client) -> Reply:
    """The same for a bot's proposal."""
    told = await _body(request, Proposal)
    order = {
        "account": told.account_id,
        "bot": told.bot_id,
        "symbol": told.symbol,
        "side": told.proposed_side.upper(),
        "volume": told.proposed_qty,
        "price": told.proposed_price,
        "type": OrderType.MARKET.value if told.proposed_price is None else OrderType.LIMIT.value,
        "offset": told.offset,
    }
    return await client.ask("evaluate", order)


@post("/risk/halt", summary="Kill switch")
async def halt(request: AnyRequest, client: Client) -> Response[HaltStanding]:
    """200 with the checklist, or 202: it is kept, and holds before another order is taken, but nobody has answered yet."""
    told = await _body(request, HaltOrder)
    _check_told(told.who, told.reason)
    wish = StateRequest(
        scope=told.scope,
        state=told.state,
        who=told.who,
        reason=told.reason,
        flatten=told.flatten,
        wait_ms=told.wait_ms,
        key=_key(request),
    )
    standing = await client.halt(wish)
    return Response(standing, status_code=200 if standing.applied else 202)


@get("/risk/halts", summary="Halts that wait")
async def halts(client: Client) -> WaitingHalts:
    """Halts that nobody has carried out yet, oldest first; told whoever is dead."""
    return WaitingHalts(waiting=await client.waiting())


@post("/risk/resume", status_code=200, summary="Trade again")
async def resume(request: AnyRequest, client: Client) -> Reply:
    """400 (HALT_PENDING) while a halt of the scope has not been carried out."""
    told = await _body(request, ResumeOrder)
    _check_told(told.who, told.reason)
    return await client.resume(told.scope, who=told.who, reason=told.reason, key=_key(request))


@get("/risk/audit", summary="Who did what")
async def audit(request: AnyRequest, client: Client, after: FromQuery[int] = 0, limit: FromQuery[int] = 100) -> Reply:
    """Changes of states and limits after a number, oldest first; with ``scope`` those of one scope."""
    return await client.ask("audit", {"after": after, "limit": limit, "scope": request.query_params.get("scope", "")})


async def _body(request: AnyRequest, kind: type[Any]) -> Any:  # noqa: ANN401 - an instance of ``kind``
    # A page in a browser can send other types to us unasked, this one not.
    if request.content_type[0] != "application/json":
        raise BadRequest("content-type must be application/json", told=request.content_type[0][:64])
    body = await request.body()
    if len(body) > MAX_BODY_BYTES:
        raise PayloadTooLarge(size=len(body), limit=MAX_BODY_BYTES)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadRequest(str(error)[:200]) from error


def _check_told(who: str, reason: str) -> None:
    if not who or not reason:
        raise BadRequest("who and reason must be told: they are kept in the audit")


def _key(request: AnyRequest) -> str:
    return str(request.headers.get(KEY, ""))


def _number(revision: str) -> int:
    text = revision.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise BadRequest("If-Match must be a revision or *", told=revision[:32])
    return int(text)


def _one_scope(told: Reply, scope: str) -> Response[Reply]:
    found = next((each for each in told["scopes"] if each["scope"] == scope), {"scope": scope, "limits": {}, "revision": 0})
    return Response(found, headers={"ETag": f'"{found["revision"]}"'})


def status_of(error: TradepitError) -> int | None:
    """The status of errors that have one of their own at this door, None for the others."""
    return {"REVISION_CONFLICT": 412, "HALT_PENDING": 409, "DUPLICATE_ID": 409}.get(error.reason_code)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    health,
    limits,
    limits_of,
    change_limits,
    evaluate,
    evaluate_proposal,
    halt,
    halts,
    resume,
    audit,
)
