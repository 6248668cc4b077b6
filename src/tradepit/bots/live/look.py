"""How a bot fares, as its own thread told it last."""

from typing import Any

import msgspec

from tradepit.bots.host import BotHost
from tradepit.runtime.redaction import Redactor


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """``realized`` is profit of what was closed, less all fees; ``unrealized`` that of what is held, at the last prices."""

    phase: str = "starting"
    reason: str = ""
    ok: bool = True
    realized: float = 0.0
    unrealized: float = 0.0
    working: int = 0
    orders: int = 0
    positions: dict[str, int] = {}
    health: dict[str, Any] = {}


def look_at(host: BotHost, redactor: Redactor) -> Look:
    """Call it where the host lives. What the bot says of itself becomes plain JSON without secrets, whatever it is."""
    health, own, board = _plain(host.health(), redactor), host.orders, host.board
    realized = unrealized = 0.0
    for symbol, position in own.positions.items():
        tick = board[symbol].tick if symbol in board else None
        realized += position.realized() - float(position.fees)
        unrealized += position.unrealized(tick.last_ticks if tick is not None else 0)
    return Look(
        phase=str(health["phase"]),
        reason=str(health["reason"] or health["last_error"]),
        ok=bool(health["bot"].get("ok", True)),
        realized=realized,
        unrealized=unrealized,
        working=len(own),
        orders=own.sequence,
        positions={symbol: position.net for symbol, position in own.positions.items() if position.net},
        health=health,
    )


def _plain(health: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    try:
        told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(health, enc_hook=str))
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        strange = {"ok": False, "error": f"health() returned what cannot be told: {error!r}"[:200]}
        told = msgspec.json.decode(msgspec.json.encode(health | {"bot": strange}, enc_hook=str))
    return {name: redactor.value(value) for name, value in told.items()}
