"""What the terminal view shows: a fold of ticks, depth, orders, trades and heartbeats into the latest picture."""

from collections import deque
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from loguru import logger

from tradepit.ports.bus import Bus, Channel, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import BadRequest, TradepitError
from tradepit.wire.registry import STALE_AFTER_S, ServiceInstance
from tradepit.wire.simulator import (
    ALGO_PROGRESS,
    HEARTBEAT,
    MARKET_DEPTH,
    MARKET_PHASE,
    MARKET_TICK,
    ORDERS_CANCELLED,
    ORDERS_FILLED,
    ORDERS_NEW,
    RISK_ALERTS,
    TRADES_EXECUTED,
    OrderData,
    PhaseData,
    TickData,
    TradeData,
)
from tradepit.wire.simulator_codec import decode

_TAPE = 12
_PRICES = 240
_MARKETS = 64
_INSTANCES = 256
_ALGOS = 64


class Market(msgspec.Struct, kw_only=True):
    """One instrument's latest picture; ``prices`` are last prices, oldest first."""

    tick: TickData | None = None
    depth: TickData | None = None
    phase: str = ""
    prices: deque[float] = msgspec.field(default_factory=lambda: deque(maxlen=_PRICES))


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """An instance's latest heartbeat and when it came (monotonic ns)."""

    instance: ServiceInstance
    at_ns: int


class WatchModel:
    """Everything the view needs, bounded in size. Garbage on a topic is counted, never shown and never fatal."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.markets: dict[str, Market] = {}
        self.trades: deque[TradeData] = deque(maxlen=_TAPE)
        self.orders: deque[OrderData] = deque(maxlen=_TAPE)
        self.instances: dict[str, Seen] = {}
        self.algos: dict[str, dict[str, object]] = {}
        self.alerts: deque[str] = deque(maxlen=5)
        self.counts = {"ticks": 0, "orders": 0, "trades": 0, "lots": 0, "garbage": 0}
        self.first_trade_ns = 0
        self._subscriptions: list[Subscription] = []

    async def connect(self, bus: Bus) -> None:
        """Subscribe to what is shown; live only, the past is in the journals."""
        for channel in (MARKET_TICK, MARKET_DEPTH, MARKET_PHASE, HEARTBEAT, ALGO_PROGRESS, RISK_ALERTS):
            await self._listen(bus, channel)
        for channel in (ORDERS_NEW, ORDERS_FILLED, ORDERS_CANCELLED, TRADES_EXECUTED):
            await self._listen(bus, channel)

    async def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            await subscription.stop()
        self._subscriptions = []

    def leader(self) -> tuple[str, int]:
        """The active order-management instance and its epoch, ("", 0) when none is heard of."""
        active = [seen.instance for seen in self.fresh("order-management") if seen.instance.status == "ACTIVE"]
        return max(((_epoch(instance), instance.instance_id) for instance in active), default=(0, ""))[::-1]

    def fresh(self, service: str) -> Sequence[Seen]:
        """Instances of a service heard of lately."""
        limit_ns = self._clock.monotonic_ns() - int(STALE_AFTER_S * 1e9)
        return [seen for seen in self.instances.values() if seen.instance.service_name == service and seen.at_ns > limit_ns]

    def market(self, symbol: str) -> Market:
        """The picture of one instrument."""
        market = self.markets.setdefault(symbol, Market())
        _bound(self.markets, _MARKETS)
        return market

    async def _listen(self, bus: Bus, channel: Channel) -> None:
        self._subscriptions.append(await bus.subscribe(channel, self._receive))

    async def _receive(self, message: Message) -> None:
        try:
            self._fold(message)
        except (TradepitError, msgspec.MsgspecError, ValueError, RecursionError) as error:
            self.counts["garbage"] += 1
            logger.debug("not shown: {} on {}", error, message.subject)

    def _fold(self, message: Message) -> None:
        subject = message.subject
        if subject.startswith("market."):
            self._fold_market(subject, message.payload)
        elif subject == TRADES_EXECUTED.subject:
            trade = decode(message.payload, TradeData)
            self.first_trade_ns = self.first_trade_ns or self._clock.monotonic_ns()
            self.counts["trades"] += 1
            self.counts["lots"] += trade.volume
            self.trades.appendleft(trade)
        elif subject.startswith("orders."):
            self.counts["orders"] += subject == ORDERS_NEW.subject
            self.orders.appendleft(decode(message.payload, OrderData))
        elif subject.startswith("internal.heartbeat."):
            instance = msgspec.json.decode(message.payload, type=ServiceInstance)
            self.instances.pop(instance.instance_id, None)
            self.instances[instance.instance_id] = Seen(instance=instance, at_ns=self._clock.monotonic_ns())
            _bound(self.instances, _INSTANCES)
        elif subject.startswith("algo.progress."):
            progress = msgspec.json.decode(message.payload, type=dict[str, object])
            self.algos.pop(algo_id := subject.rpartition(".")[2], None)
            self.algos[algo_id] = progress
            _bound(self.algos, _ALGOS)
        elif subject.startswith("risk.alerts."):
            self.alerts.appendleft(message.payload.decode("utf-8", "replace")[:200])

    def _fold_market(self, subject: str, payload: bytes) -> None:
        if subject.startswith("market.phase."):
            phase = decode(payload, PhaseData)
            self.market(phase.symbol).phase = phase.phase
            return
        tick = decode(payload, TickData)
        if not all(price.is_finite() for price in (tick.last_price, tick.pre_settlement)):
            raise BadRequest("a price is no number", symbol=tick.symbol[:64])
        market = self.market(tick.symbol)
        market.phase = tick.phase
        if subject.startswith("market.depth."):
            market.depth = tick
            if tick.last_price:
                market.prices.append(float(tick.last_price))
        else:
            market.tick = tick
            self.counts["ticks"] += 1


V = TypeVar("V")


def _bound(things: dict[str, V], most: int) -> None:
    """Forget the oldest beyond ``most``."""
    while len(things) > most:
        del things[next(iter(things))]


def _epoch(instance: ServiceInstance) -> int:
    epoch = instance.metadata.get("epoch", 0)
    return epoch if isinstance(epoch, int) else 0
