"""``tradepit bench failover``: the leader is killed and paused under load, again and again; how long until orders are taken again?"""

import asyncio
import contextlib
import itertools
import signal
import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec

from tradepit.cli.bench.figures import Spread, spread
from tradepit.cli.demo_settings import TRADER, demo_settings
from tradepit.cli.house import House
from tradepit.cli.proof import Proof, prove
from tradepit.compose.wiring import Wiring
from tradepit.runtime.intent_log import IntentLog
from tradepit.runtime.order_client import OrderClient, Refused, RetryPolicy
from tradepit.trading.model.errors import ConfigError, OutcomeUnknown, TradepitError
from tradepit.wire.simulator import ORDER_MANAGEMENT, rpc_subject

_SYMBOL = "IF2501"
_WITHOUT = frozenset(
    {"trade-executor", "trading-agents", "market-recorder", "monitor-api", "execution-algo", "risk-monitor", "position-tracker"}
)
_IMPATIENT = RetryPolicy(deadline_s=20.0, attempt_timeout_s=0.03, first_pause_s=0.002, factor=1.2, longest_pause_s=0.01)
_PAUSE_S = 1.0
_BREATHE_S = 0.6
_START_S = 30.0


class FailoverResult(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds from the signal to the answer of the first new order, by kind of failure; and the proof over all orders."""

    kills: int
    load_per_s: float
    sigkill: Spread
    sigstop: Spread
    orders: int
    stale_executed: int
    proof: Proof


class _Status(msgspec.Struct, kw_only=True):
    instance: str
    figures: dict[str, str | int | float | bool] = {}


def measure(*, kills: int, load_per_s: float, stops: bool = True) -> FailoverResult:
    """``kills`` failures, every second one a SIGSTOP, under ``load_per_s`` orders a second. Ends by itself."""
    from tradepit.cli.loop import run  # noqa: PLC0415 - only the measuring process needs it

    with tempfile.TemporaryDirectory(prefix="tradepit-failover-") as name:
        folder = Path(name)
        house = House(demo_settings(seed=1), folder, without=_WITHOUT)
        house.start()
        try:
            run_of = _Run(house, load_per_s)
            run(run_of.run(kills, stops=stops))
        finally:
            house.stop()
        proof = prove(folder)
        stale = sum("STALE" in finding for finding in proof.findings)
        return FailoverResult(
            kills=kills,
            load_per_s=load_per_s,
            sigkill=spread(run_of.times[signal.SIGKILL], "ms"),
            sigstop=spread(run_of.times[signal.SIGSTOP], "ms"),
            orders=run_of.sent,
            stale_executed=stale,
            proof=proof,
        )


class _Run:
    def __init__(self, house: House, load_per_s: float) -> None:
        self._house, self._load_per_s = house, load_per_s
        self._wiring = Wiring(house.settings, process="bench")
        self._clock = self._wiring.clock
        self._numbers = itertools.count(1)
        self._log = IntentLog(house.folder / "intents" / "bench.jsonl")
        self.times: dict[signal.Signals, list[float]] = {signal.SIGKILL: [], signal.SIGSTOP: []}
        self.sent = 0

    async def run(self, kills: int, *, stops: bool) -> None:
        bus = self._wiring.bus()
        await bus.connect()
        client = OrderClient(bus, self._clock, policy=_IMPATIENT)
        load = asyncio.create_task(self._load(client))
        try:
            await self._order(client)
            for number in range(kills):
                kind = signal.SIGSTOP if stops and number % 2 else signal.SIGKILL
                self.times[kind].append(await self._fail_once(client, kind))
                await self._recover()
        finally:
            load.cancel()
            await asyncio.gather(load, return_exceptions=True)
            await asyncio.sleep(_BREATHE_S)
            self._log.close()
            await bus.close()

    async def _fail_once(self, client: OrderClient, kind: signal.Signals) -> float:
        leader = await self._leader()
        process = self._house.process_of(leader)
        began_ns = self._clock.monotonic_ns()
        self._house.send(process, kind)
        await self._order(client)
        took_ms = (self._clock.monotonic_ns() - began_ns) / 1e6
        if kind is signal.SIGSTOP:
            await asyncio.sleep(_PAUSE_S)
            self._house.send(process, signal.SIGCONT)
        return took_ms

    async def _recover(self) -> None:
        """Full strength again before the next failure: everything runs and somebody leads."""
        self._house.revive()
        await asyncio.sleep(_BREATHE_S)
        for instance in ("order-management-1", "order-management-2", "order-management-3"):
            await self._await_instance(instance)

    async def _await_instance(self, instance: str) -> None:
        deadline_ns = self._clock.monotonic_ns() + int(_START_S * 1e9)
        while self._clock.monotonic_ns() < deadline_ns:
            with contextlib.suppress(TradepitError):
                subject = f"service.{ORDER_MANAGEMENT}.{instance}.status"
                await self._wiring.bus().request(subject, b"{}", timeout_s=0.5)
                return
            self._house.revive()
            await asyncio.sleep(0.05)
        raise ConfigError("an instance did not come back", instance=instance, folder=str(self._house.folder))

    async def _leader(self) -> str:
        deadline_ns = self._clock.monotonic_ns() + int(_START_S * 1e9)
        while self._clock.monotonic_ns() < deadline_ns:
            with contextlib.suppress(TradepitError, msgspec.MsgspecError):
                answer = await self._wiring.bus().request(rpc_subject(ORDER_MANAGEMENT, "status"), b"{}", timeout_s=0.2)
                return msgspec.json.decode(answer, type=_Status).instance
            await asyncio.sleep(0.01)
        raise ConfigError("nobody leads", folder=str(self._house.folder))

    async def _load(self, client: OrderClient) -> None:
        waiting: set[asyncio.Task[None]] = set()
        while True:
            task = asyncio.create_task(self._order(client))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
            await asyncio.sleep(1.0 / self._load_per_s)

    async def _order(self, client: OrderClient) -> None:
        """An order that trades with the outside or rests, kept small; every id and answer goes to the intent log."""
        number = next(self._numbers)
        self.sent += 1
        client_order_id = f"bench-{number}"
        side = "BUY" if number % 2 else "SELL"
        asked = {"account": TRADER, "symbol": _SYMBOL, "side": side, "offset": "OPEN", "volume": 1, "type": "FAK"}
        self._log.asked(client_order_id, asked, self._clock.now_ns())
        reply: dict[str, object]
        while True:
            try:
                reply = await client.submit(
                    side=side,
                    symbol=_SYMBOL,
                    price=Decimal(4500),
                    volume=1,
                    account=TRADER,
                    order_type="FAK",
                    client_order_id=client_order_id,
                )
            except Refused as error:
                reply = error.reply
            except OutcomeUnknown:
                continue
            break
        self._log.answered(client_order_id, reply, self._clock.now_ns())
