"""The bot platform's messages: JSON and protobuf say the same, byte for byte in both directions; topics, spellings and refusals."""

import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.proto_messages import compiled_text

import tradepit.wire
from tradepit.trading.model.errors import BadRequest, ConfigError, IdNotValid, TradepitError
from tradepit.trading.model.terms import Side
from tradepit.wire import platform as wire
from tradepit.wire.platform import Encoding
from tradepit.wire.platform_codec import encode, encoding_of, read_alert, read_command, read_event, read_intent

GOLDEN = Path(__file__).parent / "golden"
AT_NS = 1_764_644_400_000_000_000  # 2025-12-02T03:00:00Z
BOT = "7d1a1c1e-0b52-4c8e-9d2a-5a4e3f0b6c11"
INTENT = wire.OrderIntent(
    intent_id="VN30-momentum-000042",
    bot_id=BOT,
    account_id="C0712345",
    symbol="VN30F1M",
    side=Side.BUY,
    quantity=3,
    limit_price=Decimal("1900.3"),
    type=wire.IntentType.LIMIT,
    time_in_force="IOC",
    expires_at_ns=AT_NS + 5_250_000_000,
    sequence=42,
    annotations={"signal": "breakout"},
)
FILL = wire.ExecutionFill(
    intent_id="VN30-momentum-000042",
    executor_order_id="E-900",
    provider_order_id="T20251202/77",
    filled_quantity=2,
    remaining_quantity=1,
    fill_price=Decimal("1900.2"),
    fee_paid=Decimal(5400),
    filled_at_ns=AT_NS + 125_000_000,
)
Reader = Callable[..., msgspec.Struct]


def event(happened: wire.Happened) -> wire.OrderEvent:
    return wire.OrderEvent(event=happened, bot_id="b1", account_id="C0712345")


CASES: list[tuple[str, str, Reader, msgspec.Struct]] = [
    ("intent", "qubit.orders.v1.OrderIntent", read_intent, INTENT),
    (
        "fill",
        "qubit.orders.v1.OrderEvent",
        read_event,
        wire.OrderEvent(event=FILL, bot_id=BOT, account_id="C0712345", correlation_id="c-1", published_at_ns=AT_NS + 126_000_000),
    ),
    (
        "ack",
        "qubit.orders.v1.OrderEvent",
        read_event,
        event(wire.OrderIntentAck(intent_id="VN30-momentum-000042", executor_order_id="E-900", received_at_ns=AT_NS)),
    ),
    (
        "rejection",
        "qubit.orders.v1.OrderEvent",
        read_event,
        event(
            wire.OrderRejection(
                intent_id="VN30-momentum-000043",
                reason="POSITION_LIMIT",
                category=wire.RejectionReason.RISK_LIMIT,
                rejected_at_ns=AT_NS,
            )
        ),
    ),
    (
        "cancel",
        "qubit.orders.v1.OrderEvent",
        read_event,
        event(
            wire.OrderCancel(
                intent_id="VN30-momentum-000042",
                executor_order_id="E-900",
                initiated_by=wire.Initiator.RISK,
                cancelled_at_ns=AT_NS,
            )
        ),
    ),
    (
        "alert",
        "qubit.risk.v1.RiskAlert",
        read_alert,
        wire.RiskAlert(
            alert_id="al-7",
            account_id="C0712345",
            bot_id="b1",
            type=wire.AlertType.LOSS_CAP,
            severity=wire.Severity.CRITICAL,
            message="the day's loss is above its cap",
            context={"limit": "50000000", "loss": "50210000"},
            observed_at_ns=AT_NS + 1000,
            published_at_ns=AT_NS + 2003,
            correlation_id="c-2",
        ),
    ),
    (
        "stop",
        "qubit.bot.v1.BotCommandEnvelope",
        read_command,
        wire.BotCommandEnvelope(
            command_id="cmd-9",
            bot_id="b1",
            account_id="C0712345",
            issued_at_ns=AT_NS,
            correlation_id="c-3",
            payload=wire.StopCommand(mode=wire.StopMode.FORCE, timeout_ns=500_000_000, reason="operator"),
        ),
    ),
    (
        "start",
        "qubit.bot.v1.BotCommandEnvelope",
        read_command,
        wire.BotCommandEnvelope(
            command_id="cmd-8",
            bot_id="b1",
            payload=wire.StartCommand(
                image="registry.local/bots/momentum:1.4",
                config_revision=12,
                effective_at_ns=AT_NS,
                runtime_overrides={"poll_interval": "0.5"},
            ),
        ),
    ),
    (
        "rollout",
        "qubit.bot.v1.BotCommandEnvelope",
        read_command,
        wire.BotCommandEnvelope(
            command_id="cmd-10",
            bot_id="b1",
            payload=wire.RolloutCommand(image="registry.local/bots/momentum:1.5", config_revision=13),
        ),
    ),
]
by_name = pytest.mark.parametrize(("name", "kind", "read", "message"), CASES, ids=[case[0] for case in CASES])


def golden(name: str) -> bytes:
    return (GOLDEN / f"platform_{name}.json").read_bytes().rstrip(b"\n")


@by_name
def test_json_in_both_directions(name: str, kind: str, read: Reader, message: msgspec.Struct) -> None:
    assert read(golden(name)) == message
    assert msgspec.json.format(encode(message), indent=2) == golden(name)


@by_name
def test_protobuf_in_both_directions_as_its_own_compiler_writes_it(
    name: str, kind: str, read: Reader, message: msgspec.Struct
) -> None:
    compiled = compiled_text(kind, (GOLDEN / f"platform_{name}.textproto").read_text("utf-8"))
    assert read(compiled) == message
    assert encode(message, Encoding.PROTOBUF) == compiled
    assert read(compiled, headers={"Content-Type": "application/protobuf; charset=x"}) == message


def test_every_golden_file_is_used() -> None:
    names = {path.name for path in GOLDEN.glob("platform_*")}
    assert names == {f"platform_{case[0]}.{kind}" for case in CASES for kind in ("json", "textproto")}


def body(**changes: object) -> bytes:
    told = msgspec.json.decode(golden("intent"))
    told |= changes
    return msgspec.json.encode({name: value for name, value in told.items() if value is not ...})


def test_sides_and_names_are_read_as_everybody_writes_them() -> None:
    for side in ("buy", "BUY", "Buy", "ORDER_SIDE_BUY"):
        assert read_intent(body(side=side)).side is Side.BUY
    assert read_intent(body(side="sell")).side is Side.SELL
    camel = {
        "intentId": INTENT.intent_id,
        "botId": BOT,
        "accountId": "C0712345",
        "symbol": "VN30F1M",
        "side": "ORDER_SIDE_BUY",
        "quantity": 3,
        "limitPrice": 1900.3,
        "type": "ORDER_TYPE_LIMIT",
        "timeInForce": "ioc",
        "expiresAt": "2025-12-02T10:00:05.25+07:00",
        "sequence": "42",
        "annotations": {"signal": "breakout"},
    }
    assert read_intent(msgspec.json.encode(camel)) == INTENT


def test_a_bots_short_intent_takes_its_ids_from_the_topic() -> None:
    topic = wire.intent_topic("C0712345", "b1")
    payload = b'{"intent_id":"i1","symbol":"VN30F1M","side":"buy","qty":2,"price":1900.5}'
    told = read_intent(payload, topic=topic)
    assert (told.account_id, told.bot_id, told.quantity, told.limit_price, told.type) == (
        "C0712345", "b1", 2, Decimal("1900.5"), wire.IntentType.LIMIT,
    )  # fmt: skip
    market = read_intent(b'{"intent_id":"i1","symbol":"VN30F1M","side":"sell","qty":2}', topic=topic)
    assert (market.type, market.limit_price) == (wire.IntentType.MARKET, None)
    with pytest.raises(BadRequest, match="bot_id is not the topic's"):
        read_intent(golden("intent"), topic=topic)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"intent_id": ...}, "ID_NOT_VALID"),
        ({"intent_id": "a b"}, "ID_NOT_VALID"),
        ({"intent_id": 7}, "INVALID_REQUEST"),
        ({"account_id": "a.b"}, "ID_NOT_VALID"),
        ({"symbol": "IF2501.CFFEX"}, "ID_NOT_VALID"),
        ({"side": "LONG"}, "INVALID_REQUEST"),
        ({"side": ...}, "INVALID_REQUEST"),
        ({"side": ""}, "INVALID_REQUEST"),
        ({"quantity": 0}, "VOLUME_NOT_VALID"),
        ({"quantity": 1.5}, "VOLUME_NOT_VALID"),
        ({"quantity": -1}, "VOLUME_NOT_VALID"),
        ({"quantity": 10**19}, "VOLUME_NOT_VALID"),
        ({"quantity": 10**30}, "INVALID_REQUEST"),
        ({"quantity": True}, "INVALID_REQUEST"),
        ({"quantity": "NaN"}, "INVALID_REQUEST"),
        ({"limit_price": 0}, "PRICE_NOT_VALID"),
        ({"limit_price": -1.5}, "PRICE_NOT_VALID"),
        ({"limit_price": 1e99}, "PRICE_NOT_VALID"),
        ({"limit_price": "Infinity"}, "INVALID_REQUEST"),
        ({"limit_price": ...}, "INVALID_REQUEST"),
        ({"type": "MARKET"}, "INVALID_REQUEST"),
        ({"type": "PEG"}, "INVALID_REQUEST"),
        ({"time_in_force": "good till cancelled"}, "ID_NOT_VALID"),
        ({"expires_at": "tomorrow"}, "INVALID_REQUEST"),
        ({"expires_at": "2025-12-02T03:00:05"}, "INVALID_REQUEST"),
        ({"expires_at": "1969-12-31T23:59:59Z"}, "INVALID_REQUEST"),
        ({"expires_at": "9999-12-31T23:59:59Z"}, "INVALID_REQUEST"),
        ({"expires_at": 1764644405}, "INVALID_REQUEST"),
        ({"sequence": -1}, "INVALID_REQUEST"),
        ({"sequence": 2**64}, "INVALID_REQUEST"),
        ({"annotations": {"a": 1}}, "INVALID_REQUEST"),
        ({"annotations": {"a": "\0"}}, "INVALID_REQUEST"),
        ({"annotations": {str(number): "" for number in range(65)}}, "INVALID_REQUEST"),
        ({"annotations": {"a": "x" * 70_000}}, "PAYLOAD_TOO_LARGE"),
    ],
)
def test_a_bad_intent_is_refused_with_a_code(change: dict[str, Any], code: str) -> None:
    with pytest.raises(TradepitError) as caught:
        read_intent(body(**change))
    assert caught.value.reason_code == code


def test_the_dashboards_flat_commands() -> None:
    told = read_command(b'{"type":"bot.stop","bot_id":"b1","mode":"graceful","timeout_ms":5000}')
    assert told == wire.BotCommandEnvelope(bot_id="b1", payload=wire.StopCommand(timeout_ns=5_000_000_000))
    assert read_command(b'{"type":"stop"}', topic="bot.commands.b1").payload == wire.StopCommand()
    start = read_command(b'{"type":"bot.start","bot_id":"b1","image":"i:1","config_rev":12}').payload
    assert start == wire.StartCommand(image="i:1", config_revision=12)
    assert isinstance(read_command(b'{"type":"bot.reload","bot_id":"b1"}').payload, wire.RolloutCommand)
    for wrong in (b'{"type":"bot.pause","bot_id":"b1"}', b'{"command_id":"c","bot_id":"b1"}', b'{"bot_id":"b1","stop":{}}'):
        with pytest.raises(BadRequest):
            read_command(wrong)
    with pytest.raises(BadRequest, match="exactly one"):
        read_command(b'{"command_id":"c","bot_id":"b1","stop":{},"start":{}}')


def test_the_encoding_is_the_headers_else_the_first_bytes() -> None:
    assert encoding_of(b"{", {}) is Encoding.JSON
    assert encoding_of(b"\x0a\x01a", {}) is Encoding.PROTOBUF
    assert encoding_of(b"  {}", {"CONTENT-TYPE": "application/json; charset=utf-8"}) is Encoding.JSON
    assert read_intent(b"  " + golden("intent"), headers={wire.CONTENT_TYPE: Encoding.JSON.value}) == INTENT
    with pytest.raises(BadRequest, match="content-type"):
        encoding_of(b"{}", {"content-type": "text/plain"})


def test_json_needs_no_library_and_protobuf_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tradepit.wire.proto_messages", None)
    monkeypatch.delattr(tradepit.wire, "proto_messages", raising=False)
    assert read_intent(golden("intent")) == INTENT
    for work in (lambda: encode(INTENT, Encoding.PROTOBUF), lambda: read_intent(b"\x0a")):
        with pytest.raises(ConfigError, match=r"tradepit\[protobuf\]"):
            work()


def test_topics_are_channels_and_their_ids_are_tokens() -> None:
    topics = {
        wire.ORDER_INTENTS: wire.intent_topic("A", "b"),
        wire.ORDER_EVENTS: wire.event_topic("A", "b"),
        wire.RISK_ALERTS: wire.alert_topic("A"),
        wire.BOT_COMMANDS: wire.command_topic("b"),
    }
    assert tuple(topics) == wire.CHANNELS
    for channel, topic in topics.items():
        assert channel.subject.split(".")[:2] == topic.split(".")[:2]
        assert len(channel.subject.split(".")) == len(topic.split("."))
        assert wire.ids_of(topic).items() <= {"account_id": "A", "bot_id": "b"}.items()
    for make in (wire.alert_topic, wire.command_topic):
        with pytest.raises(IdNotValid):
            make("*")
    with pytest.raises(BadRequest):
        wire.ids_of("orders.new")
