"""The page of the bot platform: its topics, encodings and messages, PowerScreen's frames, keys and doors."""

import msgspec

from generator.roles import duties
from generator.text import code, doc, fields, table
from tradepit.config_powerscreen import with_environment
from tradepit.profiles import powerscreen as profile
from tradepit.services.powerscreen_settings import PowerScreenSettings
from tradepit.web.producer_app import ProduceRequest
from tradepit.wire import order_controls, platform, powerscreen
from tradepit.wire.powerscreen_frames import HoseStockParser

Struct = type[msgspec.Struct]
_INTRO = """# Bot platform

The topics that bots, trade executor and risk engine share, and PowerScreen's market data. Topics are the same on Kafka and as
NATS subjects; the setting `platform_bus` says where they are. On Kafka the header `x-key` is the record's key. A message that can
never be used is refused with a [stable code](errors.md). See [the platform on Kafka](../how-to/run-the-platform-on-kafka.md) and
[PowerScreen into Redis](../how-to/follow-powerscreen.md).
"""
_ENCODINGS = """A body is JSON or protobuf. The header `content-type` says which (`application/json`, `application/x-protobuf`,
`application/protobuf`); without it a body that begins with `{` or `[` is JSON. Bodies are at most 64 KiB. The schemas are in
`src/tradepit/wire/proto/`. JSON is written with the schema's names (`limit_price`), short words (`BUY`), prices as numbers,
instants as RFC 3339; it is read with protobuf's camel case, full words (`ORDER_SIDE_BUY`) and any case (`buy`) too, `qty` and
`price` of an intent included. Fields that end in `_ns` here are without that ending on the wire. What the topic says of account
and bot may be missing in the body, and must not differ.
"""
_READING = """The first 61 fields must be there, all but the symbol may be empty. `I#`, `L#`, `M#` and acknowledgements are passed
over. What makes no sense is buried on `ssi_ps_dead_letters` with the headers `x-reason`, `x-detail` and `x-queue` (the recording
or the group).
"""
_KEPT = """Each snapshot is one line of protobuf's JSON, nothing left out: camel case, 64-bit numbers as texts, instants in UTC. It is
kept and told by one script on the server, once however often it comes; it is redelivered until it is there.
"""
_DOOR = """`POST /api/v1/messages` (`application/json`, at most 1 MiB) answers 202 and `{"status":"queued"}` once the bus has kept the
message, 400 or 413 with a code for a request at fault, 503 when the bus is away. Only topics of this page and the default one can
be published to. `GET /healthz` answers 200. Loopback only.
"""
_EXECUTOR = """Role `trade-executor` (profiles `pit`, `platform`) brings intents to order management, those of one account in the order
in which they came and up to 64 together, 64 accounts at once; each is acknowledged once its order is journaled, and no account waits for
another's. What an executor that was killed had in hand comes before newer intents (on NATS after two seconds). The same
`intent_id`, or the same `sequence` of a bot on an account, is the same order; a `sequence` must rise. Each intent has one
outcome: an `ack` and then fills, and a `cancel` or a late `rejection` where it did not fill; or a `rejection` with a stable code
as its `reason` (`DUPLICATE`: another intent had this number). What cannot be read, and an id that was used for another order, is
buried on `orders.dead_intents` with the headers `x-reason`, `x-detail` and `x-queue`. `correlation_id` is the place in the journal
that tells the event (entry and number): receivers keep one of each. A rejection that no journal tells, because the intent never
became an order, ends in `-refused-<intent_id>` (keep one for each intent), and its header `x-detail` says in words what was wrong; what
the review refuses an alert explains, with limit and value.

The annotation `offset` (`OPEN`, `CLOSE`, `CLOSETODAY`, `CLOSEYESTERDAY`) says what an order does to the position; without it it opens,
or nets where the exchange knows no offsets. `IOC` and `FOK` are immediate; everything else is good for the trading day, `GTC`
included. `STOP` is refused. An intent does not say when it was made: `expires_at` is how it goes stale.

`rpc.trade-executor.bots` (`{"account": "A1"}`) tells what each bot holds and has made on an account; their sums are the account's.
The monitor's page for Prometheus has, of order management, `risk_decisions_total{decision}` (`approved`, `refused`),
`risk_breaches_total{rule}` and `risk_throttles_total` (orders refused and cancels held back for coming too fast), counted since
the instance began to lead; of the executor `orders_submitted_total`, `orders_rejected_total{reason}`, `broker_latency_ms` (median of the
last thousand orders), `fills_total` and `executor_broker_errors_total` (orders the broker gave no answer to in time), all
counted from the journal's beginning.

An alert of the review, or that a state was set, is told from the journal: none is lost. Alerts of the risk monitors wait in the memory
of `alert-relay` while the bus is away, the newest 10,000 of them; killed meanwhile it has forgotten those, and whatever still holds
is raised again by a monitor that starts.
"""
_TOPICS: dict[str, Struct] = {
    platform.ORDER_INTENTS.name: platform.OrderIntent,
    platform.ORDER_EVENTS.name: platform.OrderEvent,
    platform.RISK_ALERTS.name: platform.RiskAlert,
    platform.BOT_COMMANDS.name: platform.BotCommandEnvelope,
    powerscreen.snapshots_channel().name: powerscreen.SsiPsSnapshot,
}
_MESSAGES: tuple[Struct, ...] = (
    platform.OrderIntent,
    platform.OrderEvent,
    platform.OrderIntentAck,
    platform.ExecutionFill,
    platform.OrderRejection,
    platform.OrderCancel,
    platform.RiskAlert,
    platform.BotCommandEnvelope,
    platform.StartCommand,
    platform.StopCommand,
    platform.RolloutCommand,
    powerscreen.SsiPsSnapshot,
    powerscreen.PriceLevel,
    powerscreen.HoseStock,
    ProduceRequest,
    order_controls.BotsRequest,
    order_controls.BotsReply,
    order_controls.BotResult,
    order_controls.BotHolding,
)


def page() -> str:
    """The page."""
    parts = [_INTRO, "## Topics", _topics(), "## Encodings", _ENCODINGS, "## Trade executor", _EXECUTOR]
    parts += ["## PowerScreen: frames", doc(HoseStockParser.parse), _READING]
    parts += ["## PowerScreen: in Redis", _KEPT, _keys()]
    parts += ["## PowerScreen: the producer's door", _DOOR]
    parts += ["## Roles", duties(profile.ROLES), "## Settings", doc(PowerScreenSettings), fields(PowerScreenSettings)]
    parts += ["### Environment", doc(with_environment), "## Messages"]
    parts += [f"### {struct.__name__}\n\n{doc(struct)}\n\n{fields(struct)}" for struct in _MESSAGES]
    return "\n\n".join(parts)


def _topics() -> str:
    channels = (*platform.CHANNELS, platform.DEAD_INTENTS, powerscreen.snapshots_channel(), powerscreen.DEAD_LETTERS.channel)
    rows = [
        (
            code(channel.subject),
            f"[{_TOPICS[channel.name].__name__}](#{_TOPICS[channel.name].__name__.lower()})" if channel.name in _TOPICS else "",
            channel.delivery.value,
            "yes" if channel.durable else "no",
        )
        for channel in channels
    ]
    return table(("topic", "message", "delivery", "durable"), rows)


def _keys() -> str:
    told = PowerScreenSettings()
    rows = [
        (code(told.key("<code>")), "sorted set", "epoch ms of the snapshot as score, its line as member"),
        (code(told.stream("<code>")), "stream", "`code`, `board`, `timestamp` (epoch ms), `payload` (the line)"),
    ]
    return table(("key", "type", "what is in it"), rows)
