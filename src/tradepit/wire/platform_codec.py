"""Between the bot platform's messages and their bytes, JSON or protobuf: one set of rules for both, refusals with a code.

JSON has the schema's names (protobuf's camel case is read too), the short words of its vocabularies, prices as exact numbers,
instants as RFC 3339; what has its default is left out. A body's encoding is what its header ``content-type`` says; without one,
what begins with a brace or a bracket is JSON (no message of the schemas begins so).
"""

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import msgspec

from tradepit.trading.model.errors import BadRequest, ConfigError, PayloadTooLarge
from tradepit.trading.model.terms import Side
from tradepit.wire import platform as wire
from tradepit.wire.instants import to_duration, to_text
from tradepit.wire.platform import Encoding
from tradepit.wire.platform_fields import Fields
from tradepit.wire.platform_parts import COMMANDS, EVENTS, one_of

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_ANY = msgspec.json.Decoder()
_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")
_KINDS: dict[type[msgspec.Struct], str] = {
    wire.OrderIntent: "qubit.orders.v1.OrderIntent",
    wire.OrderEvent: "qubit.orders.v1.OrderEvent",
    wire.RiskAlert: "qubit.risk.v1.RiskAlert",
    wire.BotCommandEnvelope: "qubit.bot.v1.BotCommandEnvelope",
}
_TYPES = {
    "application/json": Encoding.JSON,
    "application/x-protobuf": Encoding.PROTOBUF,
    "application/protobuf": Encoding.PROTOBUF,
    "application/vnd.google.protobuf": Encoding.PROTOBUF,
}
# A bot that was written against the first software development kit says it shorter.
_INTENT_NAMES = {"qty": "quantity", "price": "limit_price"}
_COMMAND_NAMES = {"config_rev": "config_revision"}
_FLAT_COMMANDS = {"start": "start", "stop": "stop", "rollout": "rollout", "reload": "rollout"}
_MOST_64 = 2**64 - 1
# Maps whose keys are the sender's own words, which are left as they are.
_FREE = ("annotations", "context", "runtime_overrides")
Headers = Mapping[str, str]


def encode(message: msgspec.Struct, encoding: Encoding = Encoding.JSON) -> bytes:
    """A message's bytes. Raises ConfigError where the library protobuf is wanted and missing."""
    if encoding is Encoding.PROTOBUF:
        told: bytes = _protobuf().encode(_KINDS[type(message)], _plain(message, _as_is, _as_is))
        return told
    return _ENCODER.encode(_plain(message, to_text, to_duration))


def encoding_of(payload: bytes, headers: Headers) -> Encoding:
    """How a body is written. Raises BadRequest for a content type that is neither."""
    told = next((value for name, value in headers.items() if name.lower() == wire.CONTENT_TYPE), "")
    if told:
        found = _TYPES.get(told.partition(";")[0].strip().lower())
        if found is None:
            raise BadRequest("content-type must be JSON or protobuf", told=told[:64])
        return found
    return Encoding.JSON if payload[:1] in (b"{", b"[") else Encoding.PROTOBUF


def read_intent(payload: bytes, *, topic: str = "", headers: Headers | None = None) -> wire.OrderIntent:
    """An intent. What the topic says of account and bot need not be in the body, and must not differ.

    Raises BadRequest and its kin (IdNotValid, PriceNotValid, VolumeNotValid, PayloadTooLarge); so do the others.
    """
    told = _read(payload, wire.OrderIntent, topic, headers, names=_INTENT_NAMES)
    price = told.price("limit_price") if told.has("limit_price") else None
    fallback = wire.IntentType.MARKET if price is None else wire.IntentType.LIMIT
    kind = told.word("type", wire.IntentType, fallback, prefix="ORDER_TYPE_")
    if (price is None) is not (kind is wire.IntentType.MARKET):
        raise BadRequest("a LIMIT and a STOP need limit_price, a MARKET must not have one", type=kind.value)
    return wire.OrderIntent(
        intent_id=told.token("intent_id"),
        bot_id=told.token("bot_id"),
        account_id=told.token("account_id"),
        symbol=told.token("symbol"),
        side=told.word("side", Side, prefix="ORDER_SIDE_"),
        quantity=told.lots("quantity"),
        limit_price=price,
        type=kind,
        time_in_force=told.token("time_in_force", required=False).upper(),
        expires_at_ns=told.instant("expires_at"),
        sequence=told.whole("sequence", _MOST_64),
        annotations=told.texts("annotations"),
    )


def read_event(payload: bytes, *, topic: str = "", headers: Headers | None = None) -> wire.OrderEvent:
    """What became of an intent."""
    told = _read(payload, wire.OrderEvent, topic, headers)
    return wire.OrderEvent(
        event=one_of(told, EVENTS),
        bot_id=told.token("bot_id"),
        account_id=told.token("account_id"),
        correlation_id=told.text("correlation_id"),
        published_at_ns=told.instant("published_at"),
    )


def read_alert(payload: bytes, *, topic: str = "", headers: Headers | None = None) -> wire.RiskAlert:
    """A risk alert."""
    told = _read(payload, wire.RiskAlert, topic, headers)
    return wire.RiskAlert(
        alert_id=told.token("alert_id"),
        account_id=told.token("account_id"),
        bot_id=told.token("bot_id", required=False),
        type=told.word("type", wire.AlertType, prefix="RISK_ALERT_TYPE_"),
        severity=told.word("severity", wire.Severity, prefix="SEVERITY_"),
        message=told.text("message"),
        context=told.texts("context"),
        observed_at_ns=told.instant("observed_at"),
        published_at_ns=told.instant("published_at"),
        correlation_id=told.text("correlation_id"),
    )


def read_command(payload: bytes, *, topic: str = "", headers: Headers | None = None) -> wire.BotCommandEnvelope:
    """A command for a bot, enveloped or flat."""
    told = _read(payload, wire.BotCommandEnvelope, topic, headers, names=_COMMAND_NAMES)
    command: wire.Command
    if told.has("type"):
        kind = told.text("type").lower().removeprefix("bot.")
        if kind not in _FLAT_COMMANDS:
            raise BadRequest("type must be bot.start, bot.stop, bot.rollout or bot.reload", type=kind[:32])
        command = COMMANDS[_FLAT_COMMANDS[kind]](told)
    else:
        command = one_of(told, COMMANDS)
    return wire.BotCommandEnvelope(
        command_id=told.token("command_id", required=not told.has("type")),
        bot_id=told.token("bot_id"),
        account_id=told.token("account_id", required=False),
        issued_at_ns=told.instant("issued_at"),
        correlation_id=told.text("correlation_id"),
        payload=command,
    )


def _read(
    payload: bytes, kind: type[msgspec.Struct], topic: str, headers: Headers | None, names: Mapping[str, str] | None = None
) -> Fields:
    if len(payload) > wire.MAX_MESSAGE_BYTES:
        raise PayloadTooLarge(size=len(payload), limit=wire.MAX_MESSAGE_BYTES)
    binary = encoding_of(payload, headers or {}) is Encoding.PROTOBUF
    told = _protobuf().decode(_KINDS[kind], payload) if binary else _read_json(payload)
    for short, name in (names or {}).items():
        if short in told and not binary:
            told.setdefault(name, told[short])
    if topic:
        for name, value in wire.ids_of(topic).items():
            if told.setdefault(name, value) != value:
                raise BadRequest(f"{name} is not the topic's", field=name, topic=topic[:160])
    return Fields(told, binary=binary)


def _read_json(payload: bytes) -> dict[str, Any]:
    try:
        body = _ANY.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadRequest(str(error)[:200]) from error
    if not isinstance(body, dict):
        raise BadRequest("a message must be a JSON object")
    return _snake(body)


def _snake(body: Mapping[str, Any], *, deeper: bool = True) -> dict[str, Any]:
    """Names as the schema has them, also one level down."""
    found = {}
    for key, value in body.items():
        name = _CAMEL.sub(r"_\1", key).lower()
        within = deeper and isinstance(value, dict) and name not in _FREE
        found[name] = _snake(value, deeper=False) if within else value
    return found


def _plain(message: msgspec.Struct, instant: Callable[[int], object], duration: Callable[[int], object]) -> dict[str, object]:
    """A message's fields by the schema's names, without those that say nothing. One within is there even when it is empty."""
    found: dict[str, object] = {}
    for name in message.__struct_fields__:
        value = getattr(message, name)
        if isinstance(value, msgspec.Struct):
            found[str(value.__struct_config__.tag)] = _plain(value, instant, duration)
        elif not value:
            continue
        elif isinstance(value, Enum):
            found[name] = value.value
        elif name.endswith("_ns"):
            found[name.removesuffix("_ns")] = (duration if name == "timeout_ns" else instant)(value)
        else:
            found[name] = value
    return found


def _as_is(value: int) -> object:
    return value


def _protobuf() -> Any:  # noqa: ANN401 - a module
    try:
        from tradepit.wire import proto_messages  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigError("a library is missing: pip install 'tradepit[protobuf]'", missing=error.name) from error
    return proto_messages
