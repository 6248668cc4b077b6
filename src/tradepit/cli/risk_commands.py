"""``tradepit risk``: limits, states, the kill switch and its audit of a running house; what another limit would have done on a day."""

import getpass
import os
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from tradepit.cli.house_settings import settings_of

risk = App(name="risk", help="Limits, kill switch and audit of a running house; a dry run of a limit over a past day.")

Config = Annotated[Path | None, Parameter(name=["--config", "-c"], help="Settings file (YAML) of the house.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="One JSON document instead of tables.")]
Who = Annotated[str, Parameter(help="Who does it, for the audit; else the user of this machine.")]
Key = Annotated[str, Parameter(help="Names the request: repeated under the same key it counts once.")]


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


@risk.command
def show(scope: str = "", *, config: Config = None, json: Json = False) -> int:
    """Tell rules and limits as configured and as set for scopes (or one SCOPE), and the scopes that do not trade freely."""
    from tradepit.cli import risk as work  # noqa: PLC0415 - each command loads only what it needs

    return work.show(settings_of(config), scope, json=json)


@risk.command(name="set")
def set_limits(
    scope: str,
    rule: str,
    limits: str,
    *,
    reason: str,
    who: Who = "",
    revision: Annotated[int | None, Parameter(help="Change nothing unless this is the scope's revision.")] = None,
    key: Key = "",
    config: Config = None,
    json: Json = False,
) -> int:
    """Set the LIMITS (JSON, as under ``orders.risk``; ``null`` removes them) of a RULE for a SCOPE: ``global``, ``account:<a>``,
    ``bot:<b>``, ``symbol:<s>``, ``reference:<r>``.
    """
    from tradepit.cli import risk as work  # noqa: PLC0415 - each command loads only what it needs

    return work.set_limits(
        settings_of(config),
        scope,
        rule,
        limits,
        who=who or _me(),
        reason=reason,
        revision=revision,
        key=key,
        json=json,
    )


@risk.command
def evaluate(
    side: Literal["buy", "sell"],
    symbol: str,
    price: str,
    volume: int,
    *,
    account: str = "",
    bot: str = "",
    offset: Literal["OPEN", "CLOSE", "CLOSETODAY", "CLOSEYESTERDAY", "NET"] = "OPEN",
    order_type: Annotated[str, Parameter(name="--type")] = "LIMIT",
    config: Config = None,
    json: Json = False,
) -> int:
    """Ask what the review would say to an order now; nothing is sent. Exit 1 when it would refuse. PRICE may be ``market``."""
    from tradepit.cli import risk as work  # noqa: PLC0415 - each command loads only what it needs

    order = {"side": side.upper(), "symbol": symbol, "volume": volume, "account": account, "bot": bot, "offset": offset}
    return work.evaluate(settings_of(config), order | {"type": order_type}, price, json=json)


@risk.command
def halt(
    scope: str,
    *,
    reason: str,
    who: Who = "",
    flatten: Annotated[bool, Parameter(negative="", help="Close what is held as well.")] = False,
    reducing: Annotated[bool, Parameter(negative="", help="Let orders through that strictly reduce a position.")] = False,
    wait_ms: Annotated[int, Parameter(help="How long to wait until all is cancelled (and closed).")] = 1_000,
    key: Key = "",
    config: Config = None,
    json: Json = False,
) -> int:
    """Halt a SCOPE: no new order passes, working ones are cancelled. Needs the house's data folder and nothing else.

    Exit 0 with the checklist; 5 when nobody has answered yet: the halt is kept, and holds before another order is taken.
    """
    from tradepit.cli import risk as work  # noqa: PLC0415 - each command loads only what it needs

    return work.halt(
        settings_of(config),
        scope,
        state="REDUCING" if reducing else "HALTED",
        who=who or _me(),
        reason=reason,
        flatten=flatten,
        wait_ms=wait_ms,
        key=key,
        json=json,
    )


@risk.command
def resume(scope: str, *, reason: str, who: Who = "", key: Key = "", config: Config = None, json: Json = False) -> int:
    """Let a halted SCOPE trade again. Only this scope: a wider one that is halted still is."""
    from tradepit.cli import risk as work  # noqa: PLC0415 - each command loads only what it needs

    return work.resume(settings_of(config), scope, who=who or _me(), reason=reason, key=key, json=json)


@risk.command
def audit(
    *,
    scope: str = "",
    after: Annotated[int, Parameter(help="Only changes after this number.")] = 0,
    limit: int = 100,
    config: Config = None,
    json: Json = False,
) -> int:
    """List who changed which state or limit, when and why, oldest first."""
    from tradepit.cli import risk as work  # noqa: PLC0415 - each command loads only what it needs

    return work.audit(settings_of(config), scope, after, limit, json=json)


@risk.command
def dry_run(
    folder: Path | None = None,
    *,
    rule: str,
    limits: Annotated[str, Parameter(help="JSON, as under orders.risk; null for none of the scope's own.")],
    day: Annotated[int, Parameter(help="The trading day, YYYYMMDD.")],
    scope: str = "global",
    ticks: Annotated[Path | None, Parameter(help="Recorded ticks of that day, a Parquet file or a folder of them.")] = None,
    config: Config = None,
    json: Json = False,
) -> int:
    """Judge the orders of a past DAY again with other LIMITS of a RULE, from the journal in FOLDER; nothing is written.

    Exit 1 when decisions would have been others: each is told with rule, limit and value. History stays what it was, so each
    difference stands for itself.
    """
    from tradepit.cli import risk_dry_run as work  # noqa: PLC0415 - each command loads only what it needs

    return work.dry_run(settings_of(config), folder, rule=rule, limits=limits, scope=scope, day=day, ticks=ticks, json=json)
