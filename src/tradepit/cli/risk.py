"""What the commands of ``tradepit risk`` do on a running house."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec

from tradepit.cli.exits import Exit
from tradepit.cli.loop import run
from tradepit.cli.output import fail, print_fields, print_json, print_table
from tradepit.cli.trade import price_of
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.runtime.logs import set_up
from tradepit.runtime.risk_client import RiskClient
from tradepit.trading.model.errors import BadRequest, TradepitError
from tradepit.wire.order_controls import HaltStanding
from tradepit.wire.simulator import StateRequest

Reply = Mapping[str, Any]
T = TypeVar("T")


def show(settings: Settings, scope: str, *, json: bool) -> int:
    """Rules, limits and states."""

    def tell(told: Reply) -> None:
        rules = [(name, _text(limits)) for name, limits in told["configured"].items()]
        print_table("rules as configured", ("rule", "limits"), rules)
        rows = [(each["scope"], _text(each["limits"]), each["revision"], each["who"], each["reason"]) for each in told["scopes"]]
        print_table("set for scopes", ("scope", "limits", "revision", "who", "why"), rows)
        print_table("not trading freely", ("scope", "state"), list(told["states"].items()))
        if told["waiting"]:
            waiting = [(each["scope"], each["state"], each["who"], each["reason"]) for each in told["waiting"]]
            print_table("halts that wait", ("scope", "state", "who", "why"), waiting)

    async def work(client: RiskClient) -> Reply:
        waiting = msgspec.to_builtins(await client.waiting())
        return {**await client.ask("get_limits", {"scope": scope}), "waiting": waiting}

    return _perform(settings, work, tell, json=json)


def set_limits(
    settings: Settings,
    scope: str,
    rule: str,
    limits: str,
    *,
    who: str,
    reason: str,
    revision: int | None,
    key: str,
    json: bool,
) -> int:
    """Set one rule's limits for a scope."""
    try:
        body = {
            "scope": scope,
            "limits": {rule: limits_of(limits)},
            "who": who,
            "reason": reason,
            "revision": revision,
            "key": key,
        }
    except BadRequest as error:
        return fail(error, json=json)

    def tell(told: Reply) -> None:
        for each in told["scopes"]:
            print_fields(each["scope"], {**each, "limits": _text(each["limits"])})

    return _perform(settings, lambda client: client.ask("set_limits", body), tell, json=json)


def limits_of(text: str) -> dict[str, Any] | None:
    """Limits as typed: a JSON object, or null. Raises BadRequest."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any] | None)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise BadRequest("limits must be a JSON object, or null", problem=str(error)[:100]) from error


def evaluate(settings: Settings, order: Mapping[str, object], price: str, *, json: bool) -> int:
    """What the review would say; exit 1 for a refusal."""
    try:
        body = {**order, "price": None if price == "market" else price_of(price)}
    except BadRequest as error:
        return fail(error, json=json)
    allowed: list[bool] = []

    async def work(client: RiskClient) -> Reply:
        told = await client.ask("evaluate", body)
        allowed.append(bool(told["allowed"]))
        return told

    code = _perform(settings, work, lambda told: print_fields("evaluation", told), json=json)
    return code or int(Exit.OK if allowed == [True] else Exit.FINDINGS)


def halt(
    settings: Settings,
    scope: str,
    *,
    state: str,
    who: str,
    reason: str,
    flatten: bool,
    wait_ms: int,
    key: str,
    json: bool,
) -> int:
    """Halt a scope, whoever answers."""
    wish = StateRequest(scope=scope, state=state, who=who, reason=reason, flatten=flatten, wait_ms=wait_ms, key=key)
    standings: list[HaltStanding] = []

    async def work(client: RiskClient) -> HaltStanding:
        standings.append(await client.halt(wish))
        return standings[0]

    def tell(standing: HaltStanding) -> None:
        if standing.reply is None:
            told = {"key": standing.key, "carried out": "not yet: it holds before another order is taken"}
            kept = {
                "kept in": (settings.folder / "halts").resolve(),
                "heard by": "nobody yet; a house elsewhere is named by --config",
            }
            print_fields(f"{scope} {state}", told | kept)
        else:
            print_fields(f"{scope} {state}", {"key": standing.key, **msgspec.to_builtins(standing.reply.checklist)})

    code = _perform(settings, work, tell, json=json, needs_bus=False)
    return code or int(Exit.OK if standings[0].applied else Exit.UNKNOWN)


def resume(settings: Settings, scope: str, *, who: str, reason: str, key: str, json: bool) -> int:
    """Let a scope trade again."""

    async def work(client: RiskClient) -> Reply:
        return await client.resume(scope, who=who, reason=reason, key=key)

    return _perform(settings, work, lambda told: print_fields(scope, {"state": told["state"]}), json=json, needs_bus=False)


def audit(settings: Settings, scope: str, after: int, limit: int, *, json: bool) -> int:
    """Who did what."""
    columns = ("number", "datetime", "action", "scope", "before", "after", "who", "reason")

    def tell(told: Reply) -> None:
        print_table(f"{told['total']} changes in all", columns, [[row[name] for name in columns] for row in told["rows"]])

    body = {"scope": scope, "after": after, "limit": limit}
    return _perform(settings, lambda client: client.ask("audit", body), tell, json=json)


def _perform(
    settings: Settings,
    work: Callable[[RiskClient], Awaitable[T]],
    tell: Callable[[T], None],
    *,
    json: bool,
    needs_bus: bool = True,
) -> int:
    async def connected() -> T:
        wiring = Wiring(settings, process="cli-risk")
        bus = wiring.bus()
        if needs_bus:
            await bus.connect()
        try:
            return await work(RiskClient(bus, wiring.halts(), wiring.clock))
        finally:
            await bus.close()

    set_up("cli-risk", level="ERROR", folder=None)
    try:
        reply = run(connected())
    except TradepitError as error:
        return fail(error, json=json)
    if json:
        print_json(reply)
    else:
        tell(reply)
    return int(Exit.OK)


def _text(limits: object) -> str:
    return msgspec.json.encode(limits).decode()
