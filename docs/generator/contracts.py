"""The page of the contracts: channels, request subjects, and the fields of every message on the wire."""

import msgspec

from generator.text import code, doc, fields, table
from tradepit.profiles.catalogue import roles_of
from tradepit.runtime.risk_alerts import RiskAlert
from tradepit.trading.matching import commands
from tradepit.trading.matching.faults import Fault, FaultPlan
from tradepit.trading.model import account, instrument, order, position, product, report, tick, trade
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, SessionPhase, Side, TradingState
from tradepit.wire import algo_codec, bots, gateway, order_controls, registry, simulator
from tradepit.wire.simulator import CHANNELS, rpc_subject

Struct = type[msgspec.Struct]
_INTRO = """# Contracts

Everything goes over NATS as JSON. `tradepit contracts` prints the tables. Symbols are bare contract codes (`IF2501`), the
exchange is in the payload; prices are decimals in quoted units, instants ISO-8601 with offset. What becomes part of a
subject matches `[A-Za-z0-9_-]{1,64}`. Fields nobody knows are ignored; missing ones have the default shown. A body may
be wrapped as `{"params": {…}}`. Requests are at most 64 KiB. A refusal is an [`ErrorReply`](#errorreply) with a [stable
code](errors.md).
"""
_DELIVERY = """BROADCAST: every subscriber gets every message. COMPETE: each message goes to one worker, and to another one if
that worker dies before it acknowledged. A *durable* channel is kept in a JetStream stream: a late subscriber gets the
retained past first. The others are best effort and never block their publisher.
"""
_EXCHANGE_INTRO = """Bodies and replies of `rpc.trading-gateway.<method>`, for order management and market data; clients
talk to order management. Here prices are integer ticks, sides `BUY` and `SELL`, instants UTC nanoseconds, money decimal
texts. Every reply may carry `error`, `message` and `details` instead of its own fields.
"""
_INSTANCES = """The active instance answers on `rpc.<service>.<method>`. A single instance, active or not, answers on
`service.<service>.<instance>.<method>`: a standby of order management says `NOT_ACTIVE` to everything but `status`.
"""
_PAYLOADS: dict[str, Struct] = {
    "market.tick": simulator.TickData,
    "market.depth": simulator.TickData,
    "market.phase": simulator.PhaseData,
    "orders.new": simulator.OrderData,
    "orders.filled": simulator.OrderData,
    "orders.cancelled": simulator.OrderData,
    "trades.executed": simulator.TradeData,
    "orders.algo": algo_codec.AlgoTask,
    "algo.control": simulator.AlgoOrder,
    "algo.progress": algo_codec.AlgoProgress,
    "broker.reports": report.OrderReport,
    "risk.alerts": RiskAlert,
    "bot.commands": bots.BotCommand,
    "internal.heartbeat": registry.ServiceInstance,
}
_BODIES: dict[str, Struct | None] = {
    "order-management.buy": simulator.OrderRequest,
    "order-management.sell": simulator.OrderRequest,
    "order-management.place": order_controls.PlaceRequest,
    "order-management.cancel": simulator.CancelRequest,
    "order-management.algo_order": simulator.AlgoOrder,
    "order-management.orders": simulator.QueryRequest,
    "order-management.positions": simulator.QueryRequest,
    "order-management.account": simulator.QueryRequest,
    "order-management.set_state": simulator.StateRequest,
    "order-management.set_limits": order_controls.LimitsRequest,
    "order-management.get_limits": order_controls.LimitsQuery,
    "order-management.evaluate": order_controls.EvaluateRequest,
    "order-management.audit": order_controls.AuditQuery,
    "order-management.place_all": order_controls.PlaceAllRequest,
    "order-management.status": None,
    "position-tracker.positions": simulator.QueryRequest,
    "position-tracker.account": simulator.QueryRequest,
    "position-tracker.digest": None,
    "trading-gateway.send_order": commands.SubmitOrder,
    "trading-gateway.send_orders": gateway.OrderBatch,
    "trading-gateway.cancel_order": commands.CancelOrder,
    "trading-gateway.reduce_order": commands.ReduceOrder,
    "trading-gateway.resolve_order": commands.ResolveOrder,
    "trading-gateway.open_session": commands.OpenSession,
    "trading-gateway.open_account": commands.OpenAccount,
    "trading-gateway.transfer": commands.Transfer,
    "trading-gateway.list_instrument": commands.ListInstrument,
    "trading-gateway.update_prices": gateway.TicksRequest,
    "trading-gateway.advance_time": gateway.AdvanceRequest,
    "trading-gateway.query_order": gateway.QueryOrder,
    "trading-gateway.orders": gateway.QueryOrders,
    "trading-gateway.account": gateway.QueryAccount,
    "trading-gateway.positions": gateway.QueryAccount,
    "trading-gateway.statement": gateway.QueryStatement,
    "trading-gateway.reports": gateway.ReportsRequest,
    "trading-gateway.instruments": gateway.QueryInstruments,
    "trading-gateway.depth": gateway.DepthRequest,
    "trading-gateway.bars": gateway.BarsRequest,
    "trading-gateway.faults": gateway.FaultsRequest,
    "trading-gateway.status": None,
    "trading-gateway.digest": None,
}
_REPLIES: dict[str, Struct] = {
    "send_order": gateway.OrderReply,
    "send_orders": gateway.OrderBatchReply,
    "cancel_order": gateway.OrderReply,
    "reduce_order": gateway.OrderReply,
    "resolve_order": gateway.OrderReply,
    "query_order": gateway.OrderReply,
    "update_prices": gateway.TicksReply,
    "orders": gateway.OrdersReply,
    "account": gateway.AccountReply,
    "positions": gateway.PositionsReply,
    "statement": gateway.StatementReply,
    "reports": gateway.ReportsReply,
    "instruments": gateway.InstrumentsReply,
    "depth": gateway.DepthReply,
    "bars": gateway.BarsReply,
    "faults": gateway.FaultsReply,
    "status": gateway.StatusReply,
    "digest": gateway.StatusReply,
}
_ANSWERS = {
    "algo_order": "[AlgoStanding](#algostanding) and others",
    "set_state": "[StateReply](#statereply)",
    "set_limits": '`{"success": true, "scopes": […]}`, of [ScopeLimits](#scopelimits)',
    "get_limits": "[LimitsReply](#limitsreply)",
    "audit": "[AuditReply](#auditreply)",
    "evaluate": "[Evaluation](#evaluation)",
    "place": "[PlaceReply](#placereply)",
    "place_all": "[PlaceAllReply](#placeallreply)",
}
_PUBLIC: tuple[Struct, ...] = (
    simulator.OrderRequest,
    simulator.CancelRequest,
    simulator.AlgoOrder,
    simulator.QueryRequest,
    simulator.StateRequest,
    order_controls.PlaceRequest,
    order_controls.PlaceReply,
    order_controls.PlaceAllRequest,
    order_controls.PlacedOrder,
    order_controls.PlaceAllReply,
    order_controls.StateReply,
    order_controls.KillChecklist,
    order_controls.HeldData,
    order_controls.LimitsRequest,
    order_controls.LimitsQuery,
    order_controls.LimitsReply,
    order_controls.ScopeLimits,
    order_controls.AuditQuery,
    order_controls.AuditReply,
    order_controls.AuditData,
    order_controls.EvaluateRequest,
    order_controls.Evaluation,
    simulator.ErrorReply,
    simulator.TickData,
    simulator.OrderData,
    simulator.TradeData,
    simulator.PhaseData,
    algo_codec.AlgoTask,
    algo_codec.AlgoProgress,
    algo_codec.AlgoStanding,
    algo_codec.AlgoChildren,
    RiskAlert,
    bots.BotCommand,
    bots.BotHeartbeat,
    registry.ServiceInstance,
)
_EXCHANGE: tuple[Struct, ...] = (
    *dict.fromkeys(body for method, body in _BODIES.items() if body is not None and method.startswith("trading-gateway")),
    gateway.Done,
    *dict.fromkeys(_REPLIES.values()),
    gateway.TickRefused,
    gateway.InstrumentState,
    FaultPlan,
    Fault,
    report.OrderReport,
    report.TradeReport,
    report.DayReport,
    order.Order,
    order.OrderIntent,
    trade.Trade,
    tick.Tick,
    tick.Level,
    position.Position,
    account.Account,
    instrument.Instrument,
    product.Product,
)
_OUTSIDE = {"bot.commands": "whoever operates bots"}
_WORDS = (Side, Offset, OrderType, OrderStatus, Exchange, SessionPhase, TradingState)
_DEEPER = tuple(f"{side}_{what}_{number}" for number in range(3, 11) for side in ("bid", "ask") for what in ("price", "volume"))


def page() -> str:
    """The page."""
    parts = [_INTRO, "## Channels", _DELIVERY, _channels(), "## Requests", _INSTANCES, _requests(), "## Messages"]
    parts += [_message(struct) for struct in _PUBLIC]
    parts += ["## The exchange's own messages", _EXCHANGE_INTRO]
    parts += [_message(struct) for struct in _EXCHANGE]
    parts += ["## Vocabularies"]
    parts += [f"### {word.__name__}\n\n{doc(word)}\n\n{', '.join(code(member.value) for member in word)}" for word in _WORDS]
    return "\n\n".join(parts)


def _channels() -> str:
    roles = roles_of("simulator")
    rows = [
        (
            code(channel.subject),
            _link(_PAYLOADS[channel.name]),
            channel.delivery.value,
            "yes" if channel.durable else "no",
            ", ".join(role.name for role in roles if channel in role.publishes) or _OUTSIDE.get(channel.name, "every role"),
            ", ".join(role.name for role in roles if channel in role.consumes),
        )
        for channel in CHANNELS
    ]
    return table(("subject", "message", "delivery", "durable", "published by", "consumed by"), rows)


def _requests() -> str:
    """Every method of every role: a method nobody described here stops the generator (KeyError)."""
    rows = []
    for role in roles_of("simulator"):
        for method in role.serves:
            body = _BODIES[f"{role.name}.{method}"]
            rows.append((code(rpc_subject(role.name, method)), "–" if body is None else _link(body), _reply(role.name, method)))
    return table(("subject", "body", "reply"), rows)


def _reply(service: str, method: str) -> str:
    if service == simulator.TRADING_GATEWAY:
        return _link(_REPLIES.get(method, gateway.Done))
    return _ANSWERS.get(method, '`{"success": true, …}`')


def _message(struct: Struct) -> str:
    wide = struct is simulator.TickData
    listed = fields(struct, without=_DEEPER if wide else ()) if msgspec.structs.fields(struct) else "No fields."
    told = doc(struct) + (" Levels go on in the same way up to 10." if wide else "")
    return f"### {struct.__name__}\n\n{told}\n\n{listed}"


def _link(struct: Struct) -> str:
    return f"[{struct.__name__}](#{struct.__name__.lower()})"
