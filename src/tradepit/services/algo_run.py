"""One algorithm in the hands of one worker: claimed by a lease, rebuilt from its record, stepped until its end is on record.

A worker sends only while its claim is good by its own clock, so one that was paused and wakes up late finds out before it sends.
Between that look and the order's arrival another worker may have taken over. That window is closed by order management, which
sees both: a child's id follows from the children on record, so the late one is either the very child the successor wants to
send (a repetition, or DUPLICATE_ID, whereupon the successor counts it as its own), or one more child within the parent's volume.
"""

import asyncio
from typing import Any

import msgspec
from loguru import logger

from tradepit.ports.bus import Bus
from tradepit.ports.clock import Clock
from tradepit.ports.lease import Lease
from tradepit.runtime.single_active import LeaseTiming, SingleActive
from tradepit.services.algo_channel import AlgoChannel
from tradepit.services.algo_controls import reapply, rebuild
from tradepit.trading.algos.actions import Action, CancelChild, SendChild
from tradepit.trading.algos.child import Child
from tradepit.trading.algos.progress import progress
from tradepit.trading.algos.state import AlgoState, on_order, on_refused, on_trade, see
from tradepit.trading.algos.step import step
from tradepit.trading.model.errors import RequestRefused, TradepitError, Unavailable
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.tick import Tick
from tradepit.trading.model.trade import Trade
from tradepit.wire.algo_codec import AlgoProgress, AlgoTask, progress_data, progress_topic, read_task
from tradepit.wire.simulator import AlgoOrder
from tradepit.wire.simulator_codec import encode


class AlgoWorkerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``max_in_flight`` algorithms run at once. Seconds: ``pulse_s`` between steps in silence, ``poll_s`` between looks at the
    record, ``trades_wait_s`` until a finished child's report suffices without the trades it tells of, ``give_up_s`` without
    an answer from order management until another worker may try. ``timing`` is that of the claim; its time to live should stay
    below the bus's redelivery time.
    """

    max_in_flight: int = 32
    pulse_s: float = 0.25
    poll_s: float = 1.0
    trades_wait_s: float = 3.0
    give_up_s: float = 20.0
    timing: LeaseTiming = LeaseTiming(ttl_s=2.0, refresh_s=0.5, poll_s=0.25)


class AlgoTotals(msgspec.Struct):
    """What a worker has done, over all its algorithms."""

    children: int = 0
    cancels: int = 0
    refused: int = 0
    claims: int = 0
    finished: int = 0
    unanswered: int = 0
    last_progress_ns: int = 0


class AlgoRun:
    """Takes part in the claim of one algorithm and works it while it holds it. ``work`` is the whole life of it."""

    def __init__(
        self,
        algo_id: str,
        worker: str,
        channel: AlgoChannel,
        lease: Lease,
        bus: Bus,
        clock: Clock,
        settings: AlgoWorkerSettings,
        totals: AlgoTotals,
    ) -> None:
        self.algo_id = algo_id
        self._worker, self._channel, self._lease, self._bus, self._clock = worker, channel, lease, bus, clock
        self._settings, self._totals = settings, totals
        self._claim = SingleActive(lease, worker, self, clock, timing=settings.timing)
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._over.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._task: AlgoTask | None = None
        self._state: AlgoState | None = None
        self._applied = 0
        self._looked_ns = self._heard_ns = self._told_ns = self._epoch = 0
        self._told: AlgoProgress | None = None
        self._missing: dict[str, int] = {}
        self._doubtful = False

    @property
    def task(self) -> AlgoTask | None:
        """The task while this worker holds the claim, None otherwise."""
        return self._task

    async def work(self) -> str:
        """The final status, once order management has recorded it.

        Raises RequestRefused when there is no such algorithm, Unavailable when abandoned, OutcomeUnknown when order management
        does not answer.
        """
        election = asyncio.get_running_loop().create_task(self._claim.run(), name=f"algo-claim:{self.algo_id}")
        try:
            either: list[asyncio.Future[Any]] = [election, self._over]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not self._over.done():
                election.result()
            return self._over.result()
        finally:
            while not election.done():
                election.cancel()
                await asyncio.wait({election}, timeout=0.1)
            await self._claim.resign()
            await self._lease.close()

    def abandon(self) -> None:
        """Leave it to another worker, at once: what works goes on working, the claim is handed over."""
        self._end(error=Unavailable("the worker stops"))

    def nudge(self) -> None:
        """Somebody did something to the algorithm: look at the record soon."""
        self._looked_ns = 0
        self._wake.set()

    def see_tick(self, tick: Tick) -> None:
        """A snapshot of its market."""
        if self._state is not None:
            see(self._state, tick, self._clock.now_ns())
            self._wake.set()

    def see_order(self, order: Order) -> None:
        """A child's new state."""
        if self._state is not None:
            on_order(self._state, order)
            self._wake.set()

    def see_trade(self, trade: Trade) -> None:
        """A child's fill."""
        if self._state is not None:
            on_trade(self._state, trade)
            self._wake.set()

    async def become_active(self, epoch: int) -> None:
        """The claim is ours: rebuild the algorithm from its record and go on with it."""
        try:
            standing = await self._channel.standing()
            if standing.ended:
                self._end(standing.status)
                return
            task = read_task(standing.body.encode())
            children = await self._channel.children(task.instrument)
            controls = [msgspec.json.decode(body, type=AlgoOrder) for body in standing.controls]
            self._state = rebuild(task, children, controls)
        except TradepitError as error:
            self._end(error=error)
            return
        self._task, self._applied, self._epoch = task, len(controls), epoch
        self._totals.claims += 1
        self._looked_ns = self._heard_ns = self._clock.monotonic_ns()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._pulse()), loop.create_task(self._run(task, self._state))]
        logger.info("{}: works algo {} under claim {}, {} children on record", self._worker, self.algo_id, epoch, len(children))

    async def become_standby(self) -> None:
        """The claim is lost or given back: forget everything, the record is all that counts."""
        tasks, self._tasks = self._tasks, []
        self._task = self._state = self._told = None
        self._missing = {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pulse(self) -> None:
        while True:
            self._wake.set()
            await self._clock.sleep(self._settings.pulse_s)

    async def _run(self, task: AlgoTask, state: AlgoState) -> None:
        try:
            while not self._over.done():
                await self._wake.wait()
                self._wake.clear()
                if self._claim.is_active:
                    await self._turn(task, state)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the task goes back to the bus for another try
            self._end(error=error)

    async def _turn(self, task: AlgoTask, state: AlgoState) -> None:
        if self._clock.monotonic_ns() - self._looked_ns >= self._settings.poll_s * 1e9 or not self._looked_ns:
            await self._look(task, state)
        for action in step(state, self._clock.now_ns()):
            await self._act(action, task, state)
        await self._tell(task, state)

    async def _act(self, action: Action, task: AlgoTask, state: AlgoState) -> None:
        """Do what the algorithm wants. No answer is no harm: it asks again under the same id."""
        if not self._claim.is_active:
            return
        try:
            if isinstance(action, SendChild):
                await self._send(action, task, state)
            elif isinstance(action, CancelChild):
                self._totals.cancels += 1
                intent = _intent(state.children[action.client_order_id], state)
                on_order(state, await self._channel.cancel(intent))
        except RequestRefused as error:
            self._totals.refused += 1
            logger.warning("algo {}: {}", self.algo_id, error)
        except TradepitError as error:
            self._totals.unanswered += 1
            logger.warning("algo {}: no answer yet: {}", self.algo_id, error)
        self._wake.set()

    async def _send(self, action: SendChild, task: AlgoTask, state: AlgoState) -> None:
        self._totals.children += 1
        intent = action.intent(state.params)
        try:
            on_order(state, await self._channel.send(intent, task.instrument))
        except RequestRefused as refusal:
            # Whether it is on record (refused by risk or exchange, or a predecessor's under this id) or not decides what is next.
            found = await self._channel.find(intent.account, action.client_order_id, task.instrument)
            if found is not None:
                on_order(state, found)
            else:
                on_refused(state, action.client_order_id, refusal.reason_code, self._clock.now_ns())
                self._looked_ns, self._doubtful = 0, True
            raise

    async def _look(self, task: AlgoTask, state: AlgoState) -> None:
        """Catch up with the record: controls, the end, and children whose news may have been missed."""
        self._looked_ns = self._clock.monotonic_ns()
        try:
            standing = await self._channel.standing()
            self._heard_ns = self._clock.monotonic_ns()
            if standing.ended:
                self._end(standing.status)
                return
            for body in standing.controls[self._applied :]:
                reapply(state, msgspec.json.decode(body, type=AlgoOrder), task.instrument)
                self._applied += 1
            if self._doubtful or (state.status.over and standing.filled != state.filled):
                self._doubtful = False
                for order in await self._channel.children(task.instrument):
                    on_order(state, order)
            for client_order_id in list(state.live):
                await self._look_at(client_order_id, task, state)
        except TradepitError as error:
            self._totals.unanswered += 1
            logger.warning("algo {}: the record cannot be read now: {}", self.algo_id, error)
            if self._clock.monotonic_ns() - self._heard_ns > self._settings.give_up_s * 1e9:
                self._end(error=Unavailable("order management does not answer this worker"))

    async def _look_at(self, client_order_id: str, task: AlgoTask, state: AlgoState) -> None:
        child = state.children[client_order_id]
        found = await self._channel.find(state.params.account, client_order_id, task.instrument)
        if found is not None:
            on_order(state, found)
        if not child.status.terminal or child.settled:
            return
        since_ns = self._missing.setdefault(client_order_id, self._clock.monotonic_ns())
        if self._clock.monotonic_ns() - since_ns >= self._settings.trades_wait_s * 1e9:
            # The volume is certain from the report; only the average price lacks what these trades would have told.
            child.trades_told = False

    async def _tell(self, task: AlgoTask, state: AlgoState) -> None:
        now_ns = self._clock.now_ns()
        told = progress_data(progress(state), task, worker=self._worker, epoch=self._epoch, now_ns=now_ns)
        mono_ns = self._clock.monotonic_ns()
        repeat_s = self._settings.pulse_s if told.final else self._settings.poll_s
        news = self._told is None or _figures(self._told) != _figures(told)
        if not news and mono_ns - self._told_ns < repeat_s * 1e9:
            return
        try:
            await self._bus.publish(progress_topic(self.algo_id), encode(told))
        except Unavailable as error:
            logger.debug("progress of algo {} not published: {}", self.algo_id, error)
            return
        self._told, self._told_ns, self._totals.last_progress_ns = told, mono_ns, mono_ns
        if told.final:
            self._looked_ns = min(self._looked_ns, mono_ns - int((self._settings.poll_s - self._settings.pulse_s) * 1e9))

    def _end(self, status: str = "", *, error: Exception | None = None) -> None:
        if self._over.done():
            return
        if error is not None:
            self._over.set_exception(error)
        else:
            self._totals.finished += 1
            self._over.set_result(status)


def _intent(child: Child, state: AlgoState) -> OrderIntent:
    """A child as an order, for its receiver's answer."""
    send = SendChild(
        client_order_id=child.client_order_id,
        lots=child.lots,
        price_ticks=child.price_ticks,
        order_type=child.order_type,
        created_ns=child.sent_ns,
    )
    return send.intent(state.params)


def _figures(told: AlgoProgress) -> AlgoProgress:
    """What makes progress news: everything but its instant and the market's own prices."""
    return msgspec.structs.replace(told, datetime="", market_vwap=None)
