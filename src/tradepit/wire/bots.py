"""How running bots are commanded and watched (platform document, sections 2.1, 3.2 and 4.3): topic, keys, and their JSON."""

from collections.abc import Mapping
from typing import Any

import msgspec

from tradepit.trading.model.errors import BadRequest, ConfigError, PayloadTooLarge
from tradepit.trading.model.ids import check_id
from tradepit.wire import platform_codec
from tradepit.wire.platform import BotCommandEnvelope, Encoding, RolloutCommand, StopCommand
from tradepit.wire.simulator import MAX_REQUEST_BYTES

COMMANDS = ("start", "stop", "reload", "pause", "resume")
_ALSO = {"rollout": "reload"}
HEARTBEAT_S = 5.0
HEARTBEAT_TTL_S = 3 * HEARTBEAT_S
_MOST_MS = 3_600_000


class BotCommand(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``bot.commands.<bot_id>``. ``type``: START, STOP, RELOAD, PAUSE or RESUME, in any case and also as ``bot.stop``.

    The platform's ``BotCommandEnvelope``, in JSON or protobuf, is taken as well: ``start``, ``stop``, and ``rollout`` for RELOAD; its
    ``runtime_overrides`` are new parameters, its ``image`` is for whoever manages bots. START begins a bot that was stopped.
    STOP ``mode`` is ``graceful`` (``on_stop`` gets up to ``timeout_ms``, 0: the runner's own time, then it is forced) or ``force``.
    RELOAD stops, reads the bot's file anew and starts; ``config``, when given, are its new parameters. A ``command_id`` counts once.
    """

    type: str
    command_id: str = ""
    mode: str = "graceful"
    timeout_ms: int = 0
    reason: str = ""
    config: dict[str, Any] | None = None


class BotHeartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """Value of the key ``bots.<bot_id>.heartbeat``, put every 5 s and gone 15 s after the last.

    ``phase``: starting, running, paused, stopping, stopped, error; ``ok`` is false when the bot does not answer any more, or has
    ended by a fault. ``p95_tick_ms`` is over the life of the bot; profit is money of the contracts' currency.
    """

    bot_id: str
    account_id: str
    instance: str
    phase: str
    time: str
    ok: bool
    reason: str = ""
    ticks: int = 0
    intents: int = 0
    exceptions: int = 0
    working: int = 0
    p95_tick_ms: float = 0.0
    pnl_realized: float = 0.0
    pnl_unrealized: float = 0.0


def command_topic(bot_id: str) -> str:
    """Where a bot's commands are published."""
    return f"bot.commands.{bot_id}"


def stop_key(bot_id: str) -> str:
    """The key of a bot's stop flag. Set to anything but nothing or ``0`` it stops the bot and keeps it from starting."""
    return f"bots.{bot_id}.stop"


def heartbeat_key(bot_id: str) -> str:
    """The key of a bot's last heartbeat."""
    return f"bots.{bot_id}.heartbeat"


def is_set(flag: bytes | None) -> bool:
    """True for a stop flag that says stop."""
    return flag is not None and flag.strip() not in (b"", b"0")


def read_command(payload: bytes, *, topic: str = "", headers: Mapping[str, str] | None = None) -> BotCommand:
    """The command, its ``type`` one of ``COMMANDS`` and its ``mode`` in lower case. Raises BadRequest and its kin."""
    if len(payload) > MAX_REQUEST_BYTES:
        raise PayloadTooLarge(size=len(payload), limit=MAX_REQUEST_BYTES)
    if _is_enveloped(payload, headers or {}):
        try:
            return _opened(platform_codec.read_command(payload, topic=topic, headers=headers))
        except ConfigError as error:
            # Protobuf where its library is not installed: this command cannot be read, the next may be.
            raise BadRequest(error.message) from error
    try:
        told = msgspec.json.decode(payload, type=BotCommand)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadRequest(str(error)[:200]) from error
    kind, mode = told.type.lower().removeprefix("bot."), told.mode.lower()
    kind = _ALSO.get(kind, kind)
    if kind not in COMMANDS:
        raise BadRequest("A bot's command is START, STOP, RELOAD, PAUSE or RESUME.", type=told.type[:32])
    if mode not in ("graceful", "force"):
        raise BadRequest("The mode is graceful or force.", mode=told.mode[:32])
    if not 0 <= told.timeout_ms <= _MOST_MS:
        raise BadRequest("timeout_ms is out of range.", timeout_ms=told.timeout_ms, most=_MOST_MS)
    if told.command_id:
        check_id(told.command_id, "command_id")
    return msgspec.structs.replace(told, type=kind, mode=mode, reason=told.reason[:200])


def _is_enveloped(payload: bytes, headers: Mapping[str, str]) -> bool:
    if platform_codec.encoding_of(payload, headers) is Encoding.PROTOBUF:
        return bool(payload)
    try:
        return "type" not in msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return False


def _opened(told: BotCommandEnvelope) -> BotCommand:
    command, name = told.payload, told.command_id
    if isinstance(command, StopCommand):
        # Less than a millisecond is still a time: 0 would be the runner's own.
        timeout_ms = -(-command.timeout_ns // 1_000_000)
        if timeout_ms > _MOST_MS:
            raise BadRequest("timeout is out of range.", timeout_ms=timeout_ms, most=_MOST_MS)
        mode = command.mode.value.lower()
        return BotCommand(type="stop", command_id=name, mode=mode, timeout_ms=timeout_ms, reason=command.reason[:200])
    kind = "reload" if isinstance(command, RolloutCommand) else "start"
    overrides = {key: _value_of(text) for key, text in command.runtime_overrides.items()}
    return BotCommand(type=kind, command_id=name, config=overrides or None)


def _value_of(text: str) -> Any:  # noqa: ANN401 - a number, a truth, a list, or else the text itself
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return text
