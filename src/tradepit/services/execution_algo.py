"""ExecutionAlgo: workers that compete for algorithm orders; each works its own, and takes over what a dead one left."""

import asyncio
from collections.abc import Callable

from loguru import logger

from tradepit.ports.bus import Bus, Channel, Handler, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.ports.lease import Lease
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.service import Health
from tradepit.services.algo_channel import AlgoChannel, OrderCalls
from tradepit.services.algo_run import AlgoRun, AlgoTotals, AlgoWorkerSettings
from tradepit.trading.model.errors import RequestRefused, TradepitError, Unavailable
from tradepit.wire.algo_codec import child_order, child_trade, read_task
from tradepit.wire.simulator import (
    ALGO_CONTROL,
    ALGO_ORDERS,
    EXECUTION_ALGO,
    MARKET_TICK,
    ORDERS_CANCELLED,
    ORDERS_FILLED,
    ORDERS_NEW,
    TRADES_EXECUTED,
    OrderData,
    TickData,
    TradeData,
)
from tradepit.wire.simulator_codec import decode, tick_of


class ExecutionAlgo:
    """One worker. A task is acknowledged only when order management has recorded the algorithm's end; until then it comes again.

    ``lease_for`` gives the lease that is an algorithm's claim: one name per algorithm, shared by all workers. ``clock`` runs in
    the exchange's time, by which an algorithm is scheduled; ``stamps`` (the machine's unless given) dates the orders sent.
    """

    name = EXECUTION_ALGO

    def __init__(
        self,
        *,
        instance: str,
        bus: Bus,
        clock: Clock,
        orders: OrderCalls,
        lease_for: Callable[[str], Lease],
        settings: AlgoWorkerSettings | None = None,
        stamps: Clock | None = None,
    ) -> None:
        self.instance = instance
        self._bus, self._clock, self._orders, self._lease_for = bus, clock, orders, lease_for
        self._settings, self._stamps = settings or AlgoWorkerSettings(), stamps or SystemClock()
        self._runs: dict[str, tuple[AlgoRun, asyncio.Task[str]]] = {}
        self._subscriptions: list[Subscription] = []
        self._totals = AlgoTotals()
        self._refused: dict[str, int] = {}
        self._stopping = False

    async def start(self) -> None:
        """Listen to the market and to what becomes of orders, then take work."""
        await self._bus.connect()
        hear: tuple[tuple[Channel, Handler], ...] = (
            (MARKET_TICK, self._on_tick),
            (ORDERS_NEW, self._on_order),
            (ORDERS_FILLED, self._on_order),
            (ORDERS_CANCELLED, self._on_order),
            (TRADES_EXECUTED, self._on_trade),
            (ALGO_CONTROL, self._on_control),
        )
        for channel, handler in hear:
            self._subscriptions.append(await self._bus.subscribe(channel, handler))
        work = await self._bus.subscribe(ALGO_ORDERS, self._on_task, group=self.name, max_in_flight=self._settings.max_in_flight)
        self._subscriptions.insert(0, work)

    async def stop(self) -> None:
        """Hand every algorithm over to another worker and leave. Idempotent."""
        self._stopping = True
        subscriptions, self._subscriptions = self._subscriptions, []
        for run, _ in list(self._runs.values()):
            run.abandon()
        for subscription in subscriptions:
            await subscription.stop()

    def health(self) -> Health:
        """Algorithms in hand, and what was done."""
        totals = self._totals
        running = sum(run.task is not None for run, _ in self._runs.values())
        figures: dict[str, str | int | float | bool] = {
            "running": running,
            "waiting": len(self._runs) - running,
            "claims": totals.claims,
            "finished": totals.finished,
            "children_sent": totals.children,
            "cancels_sent": totals.cancels,
            "refused": totals.refused,
            "unanswered": totals.unanswered,
            **{f"refused_{code}": count for code, count in self._refused.items()},
        }
        silent_s = (self._clock.monotonic_ns() - totals.last_progress_ns) / 1e9
        if totals.last_progress_ns:
            figures["last_progress_age_s"] = round(silent_s, 3)
        stuck = running > 0 and totals.last_progress_ns > 0 and silent_s > 10 * self._settings.poll_s
        if stuck:
            return Health(status="UNHEALTHY", ready=False, reason="algorithms without progress", figures=figures)
        return Health(status="STANDBY" if self._stopping else "ACTIVE", ready=not self._stopping, figures=figures)

    async def _on_task(self, message: Message) -> None:
        """Work an algorithm to its end. A copy of a task in hand waits for the same end; a bad one is counted and dropped."""
        if self._stopping:
            raise Unavailable("the worker stops")
        try:
            algo_id = read_task(message.payload).algo_id
            status = await asyncio.shield(self._working(algo_id))
        except RequestRefused as error:
            self._refused[error.reason_code] = self._refused.get(error.reason_code, 0) + 1
            logger.error("task on {} dropped: {}: {!r}", message.subject, error, message.payload[:200])
        else:
            logger.info("{}: algo {} is {}", self.instance, algo_id, status)

    def _working(self, algo_id: str) -> asyncio.Task[str]:
        known = self._runs.get(algo_id)
        if known is not None:
            return known[1]
        channel = AlgoChannel(self._orders, self._stamps, algo_id)
        lease = self._lease_for(algo_id)
        run = AlgoRun(algo_id, self.instance, channel, lease, self._bus, self._clock, self._settings, self._totals)
        task = asyncio.get_running_loop().create_task(run.work(), name=f"algo:{algo_id}")
        self._runs[algo_id] = (run, task)
        task.add_done_callback(lambda done: self._forget(algo_id, done))
        return task

    def _forget(self, algo_id: str, task: asyncio.Task[str]) -> None:
        del self._runs[algo_id]
        if not task.cancelled():
            task.exception()

    async def _on_control(self, message: Message) -> None:
        known = self._runs.get(message.subject.rpartition(".")[2])
        if known is not None:
            known[0].nudge()

    async def _on_tick(self, message: Message) -> None:
        symbol = message.subject.rpartition(".")[2]
        hearers = [run for run, _ in self._runs.values() if run.task is not None and run.task.symbol == symbol]
        if not hearers or hearers[0].task is None:
            return
        try:
            tick = tick_of(decode(message.payload, TickData), hearers[0].task.instrument)
        except TradepitError as error:
            logger.warning("tick on {} ignored: {}", message.subject, error)
            return
        for run in hearers:
            run.see_tick(tick)

    async def _on_order(self, message: Message) -> None:
        if not self._runs:
            return
        try:
            data = decode(message.payload, OrderData)
            run, _ = self._runs.get(_parent(data.client_order_id), (None, None))
            if run is not None and run.task is not None:
                run.see_order(child_order(data, run.task.instrument))
        except TradepitError as error:
            logger.warning("order on {} ignored: {}", message.subject, error)

    async def _on_trade(self, message: Message) -> None:
        if not self._runs:
            return
        try:
            data = decode(message.payload, TradeData)
            run, _ = self._runs.get(_parent(data.client_order_id), (None, None))
            if run is not None and run.task is not None:
                run.see_trade(child_trade(data, run.task.instrument))
        except TradepitError as error:
            logger.warning("trade on {} ignored: {}", message.subject, error)


def _parent(client_order_id: str) -> str:
    """The algorithm a child's id belongs to; of another order's id, nothing that is one."""
    return client_order_id.rsplit("-", 2)[0]
