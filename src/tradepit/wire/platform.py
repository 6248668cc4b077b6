"""The bot platform's contract: its topics, and the messages that bots, trade executor and risk engine exchange on them.

Topics are the same on Kafka and as NATS subjects; their ids match ``[A-Za-z0-9_-]{1,64}``. Bodies are JSON or protobuf
(``wire/platform_codec.py``). Prices are decimals in quoted units, quantities whole lots, instants UTC nanoseconds (0: not told),
written as RFC 3339 in JSON.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from tradepit.ports.bus import Channel, Delivery
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.terms import Side

ORDER_INTENTS = Channel(name="platform.intents", subject="orders.intent.account.*.*", delivery=Delivery.COMPETE, durable=True)
ORDER_EVENTS = Channel(name="platform.events", subject="orders.event.account.*.*", durable=True)
RISK_ALERTS = Channel(name="platform.alerts", subject="risk.alerts.account.*", durable=True)
BOT_COMMANDS = Channel(name="platform.commands", subject="bot.commands.*", durable=True)
DEAD_INTENTS = Channel(name="platform.dead_intents", subject="orders.dead_intents", delivery=Delivery.COMPETE, durable=True)
TRADE_EXECUTOR = "trade-executor"
ALERT_RELAY = "alert-relay"
CHANNELS = (ORDER_INTENTS, ORDER_EVENTS, RISK_ALERTS, BOT_COMMANDS)

CONTENT_TYPE = "content-type"
# A record's key, for a bus that has keys: what has the same key keeps its order.
KEY_HEADER = "x-key"
MAX_MESSAGE_BYTES = 64 * 1024


class Encoding(StrEnum):
    """How a body is written; the value is what its header ``content-type`` says."""

    JSON = "application/json"
    PROTOBUF = "application/x-protobuf"


class IntentType(StrEnum):
    """How an intent wants to be executed. The price of STOP is where it is triggered."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"


class RejectionReason(StrEnum):
    """Who or what refused an intent."""

    UNSPECIFIED = ""
    RISK_LIMIT = "RISK_LIMIT"
    INSTRUMENT_HALTED = "INSTRUMENT_HALTED"
    BROKER_REJECT = "BROKER_REJECT"
    TIMEOUT = "TIMEOUT"
    SYSTEM_ERROR = "SYSTEM_ERROR"


class Initiator(StrEnum):
    """Who cancelled an order."""

    BOT = "bot"
    RISK = "risk"
    BROKER = "broker"
    SYSTEM = "system"


class AlertType(StrEnum):
    """What a risk alert is about."""

    LIMIT_BREACH = "LIMIT_BREACH"
    LOSS_CAP = "LOSS_CAP"
    LEVERAGE = "LEVERAGE"
    SYMBOL_BLOCKED = "SYMBOL_BLOCKED"
    SYSTEM = "SYSTEM"


class Severity(StrEnum):
    """How urgent a risk alert is."""

    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class StopMode(StrEnum):
    """Whether a bot may finish what it has in hand."""

    GRACEFUL = "GRACEFUL"
    FORCE = "FORCE"


class OrderIntent(msgspec.Struct, frozen=True, kw_only=True):
    """What a bot wants: published on ``orders.intent.account.<account_id>.<bot_id>``.

    ``intent_id`` makes a repeated intent harmless; ``sequence`` rises with every intent of the bot on the account. A LIMIT and a
    STOP have a price, a MARKET has none; where ``type`` is not told, the price decides. ``time_in_force`` is a word such as GTC,
    IOC or FOK.
    """

    intent_id: str
    bot_id: str
    account_id: str
    symbol: str
    side: Side
    quantity: int
    limit_price: Decimal | None = None
    type: IntentType
    time_in_force: str = ""
    expires_at_ns: int = 0
    sequence: int = 0
    annotations: dict[str, str] = {}


class OrderIntentAck(msgspec.Struct, frozen=True, kw_only=True, tag="ack", tag_field="event"):
    """The executor has taken the intent."""

    intent_id: str
    executor_order_id: str = ""
    received_at_ns: int = 0


class ExecutionFill(msgspec.Struct, frozen=True, kw_only=True, tag="fill", tag_field="event"):
    """Lots have traded. ``remaining_quantity`` is what is still to trade; ``fee_paid`` is money, for this fill."""

    intent_id: str
    executor_order_id: str = ""
    provider_order_id: str = ""
    filled_quantity: int
    remaining_quantity: int = 0
    fill_price: Decimal
    fee_paid: Decimal = Decimal(0)
    filled_at_ns: int = 0


class OrderRejection(msgspec.Struct, frozen=True, kw_only=True, tag="rejection", tag_field="event"):
    """The intent was refused. ``reason`` is a sentence or a stable code, ``category`` its class."""

    intent_id: str
    executor_order_id: str = ""
    reason: str = ""
    category: RejectionReason = RejectionReason.UNSPECIFIED
    rejected_at_ns: int = 0


class OrderCancel(msgspec.Struct, frozen=True, kw_only=True, tag="cancel", tag_field="event"):
    """What had not traded of the order was cancelled."""

    intent_id: str
    executor_order_id: str = ""
    initiated_by: Initiator = Initiator.SYSTEM
    cancelled_at_ns: int = 0


Happened = OrderIntentAck | ExecutionFill | OrderRejection | OrderCancel


class OrderEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an intent: published on ``orders.event.account.<account_id>.<bot_id>``.

    In JSON ``event`` is one of the keys ``ack``, ``fill``, ``rejection`` and ``cancel``.
    """

    event: Happened
    bot_id: str
    account_id: str
    correlation_id: str = ""
    published_at_ns: int = 0


class RiskAlert(msgspec.Struct, frozen=True, kw_only=True):
    """A limit was breached: published on ``risk.alerts.account.<account_id>``. ``bot_id`` is empty where no bot is meant."""

    alert_id: str
    account_id: str
    bot_id: str = ""
    type: AlertType
    severity: Severity
    message: str = ""
    context: dict[str, str] = {}
    observed_at_ns: int = 0
    published_at_ns: int = 0
    correlation_id: str = ""


class StartCommand(msgspec.Struct, frozen=True, kw_only=True, tag="start", tag_field="payload"):
    """Run the bot, with this image and revision of its configuration."""

    image: str = ""
    config_revision: int = 0
    effective_at_ns: int = 0
    runtime_overrides: dict[str, str] = {}


class StopCommand(msgspec.Struct, frozen=True, kw_only=True, tag="stop", tag_field="payload"):
    """Stop the bot. A graceful stop that takes longer than ``timeout_ns`` (0: as the runner is set) becomes a forced one."""

    mode: StopMode = StopMode.GRACEFUL
    timeout_ns: int = 0
    reason: str = ""


class RolloutCommand(msgspec.Struct, frozen=True, kw_only=True, tag="rollout", tag_field="payload"):
    """Change the image or load the configuration again (RELOAD)."""

    image: str = ""
    config_revision: int = 0
    runtime_overrides: dict[str, str] = {}


Command = StartCommand | StopCommand | RolloutCommand


class BotCommandEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """What a bot is told: published on ``bot.commands.<bot_id>``.

    In JSON ``payload`` is one of the keys ``start``, ``stop`` and ``rollout``. The dashboard's flat form is read too:
    ``{"type": "bot.stop", "bot_id": …, "mode": "graceful", "timeout_ms": 5000}``, of which ``command_id`` may be missing.
    """

    command_id: str = ""
    bot_id: str
    account_id: str = ""
    issued_at_ns: int = 0
    correlation_id: str = ""
    payload: Command


def intent_topic(account_id: str, bot_id: str) -> str:
    """Where a bot's intents go. Raises IdNotValid, as the other topics do."""
    return f"orders.intent.account.{check_id(account_id, 'account_id')}.{check_id(bot_id, 'bot_id')}"


def event_topic(account_id: str, bot_id: str) -> str:
    """Where a bot hears what became of its intents."""
    return f"orders.event.account.{check_id(account_id, 'account_id')}.{check_id(bot_id, 'bot_id')}"


def alert_topic(account_id: str) -> str:
    """Where an account's alerts go."""
    return f"risk.alerts.account.{check_id(account_id, 'account_id')}"


def command_topic(bot_id: str) -> str:
    """Where a bot's commands go."""
    return f"bot.commands.{check_id(bot_id, 'bot_id')}"


def ids_of(topic: str) -> dict[str, str]:
    """``account_id`` and ``bot_id``, as far as a topic names them. Raises BadRequest for another topic."""
    match topic.split("."):
        case ["orders", "intent" | "event", "account", account_id, bot_id]:
            return {"account_id": account_id, "bot_id": bot_id}
        case ["risk", "alerts", "account", account_id]:
            return {"account_id": account_id}
        case ["bot", "commands", bot_id]:
            return {"bot_id": bot_id}
    raise BadRequest("no topic of the bot platform", topic=topic[:128])
