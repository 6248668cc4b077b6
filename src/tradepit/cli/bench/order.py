"""``tradepit bench order``: an order's way from RPC to order id, beside two bare NATS round trips and the journals, in the same run."""

import asyncio
import itertools
import subprocess
import sys
import tempfile
from decimal import Decimal
from functools import partial
from pathlib import Path

import msgspec
import nats
from nats.aio.client import Client

from tradepit.cli.bench.figures import Spread, spread
from tradepit.cli.bench.order_alone import Alone, measure_alone, settle_memory
from tradepit.cli.bench.pacer import schedule
from tradepit.cli.demo_settings import TRADER, demo_settings
from tradepit.cli.house import House
from tradepit.cli.loop import run
from tradepit.cli.proof import Proof, prove
from tradepit.compose.wiring import Wiring
from tradepit.config import OrderSettings, Settings
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.nats_connection import NatsMessage
from tradepit.runtime.nats_link import NatsLink
from tradepit.runtime.order_client import OrderClient, Refused
from tradepit.trading.model.errors import ConfigError, TradepitError
from tradepit.wire.simulator import ORDER_MANAGEMENT, rpc_subject

_SYMBOL = "IF2501"
_WITHOUT = frozenset(
    {
        "trade-executor",
        "trading-agents",
        "market-recorder",
        "monitor-api",
        "execution-algo",
        "risk-monitor",
        "position-tracker",
        "market-data",
    }
)
_NO_LIMITS = {
    "rate": {"orders_per_s": 1_000_000, "order_burst": 1_000_000, "cancels_per_s": 1_000_000, "cancel_burst": 1_000_000},
    "position_limit": {"max_long": 1_000_000, "max_short": 1_000_000},
    "working_cap": {"max_per_symbol": 1_000_000, "max_per_account": 1_000_000},
    "circuit": {"max_rejects": None},
}
_ROUNDS = 4
_BODY = b'{"symbol":"IF2501","price":4400,"volume":1,"account":"A1","type":"FAK","client_order_id":"%b"}'
_OPEN_TIMEOUT_S = 5.0
_RECORD = b"x" * 400
_START_S = 30.0
_ECHO = """
import asyncio, sys, nats
async def main():
    client = await nats.connect(sys.argv[1])
    async def echo(message): await message.respond(message.data)
    await client.subscribe("bench.echo", cb=echo)
    await client.flush()
    print("ready", flush=True)
    await asyncio.sleep(float(sys.argv[2]))
try:
    import uvloop; uvloop.run(main())
except ImportError:
    asyncio.run(main())
"""


class OrderResult(msgspec.Struct, frozen=True, kw_only=True):
    """Microseconds. ``bare_rtt`` is one raw nats-py round trip to another process, ``append`` one record of 400 bytes put into a
    journal of the same kind on the same disk by this process; the order path needs two of each.

    ``ratio_p50`` and ``ratio_p99`` are closed loop against twice both. Open loops count from the scheduled instant, and ask once:
    ``failed`` counts what was refused as too much or not answered within 5 s.
    ``one_process`` has order management and exchange in one process: without a durable journal, and with fsync.
    """

    journal: str
    bare_rtt: Spread
    append: Spread
    closed_loop: Spread
    ratio_p50: float
    ratio_p99: float
    open_1k: Spread
    open_5k: Spread
    failed: int
    one_process_memory: Alone
    one_process_fsync: Alone
    proof: Proof


def measure(*, seconds: float, journal: str) -> OrderResult:
    """Each loop runs ``seconds`` in all, in interleaved rounds. Ends by itself."""
    with tempfile.TemporaryDirectory(prefix="tradepit-order-") as name:
        folder = Path(name)
        house = House(_settings(journal), folder, without=_WITHOUT)
        house.start()
        try:
            run_of = _Run(house, seconds)
            run(run_of.run())
        finally:
            house.stop()
        proof = prove(folder)
    bare, append, closed = spread(run_of.bare, "µs"), spread(run_of.append, "µs"), spread(run_of.closed, "µs")
    return OrderResult(
        journal=journal,
        bare_rtt=bare,
        append=append,
        closed_loop=closed,
        ratio_p50=round(closed.p50 / (2 * bare.p50 + 2 * append.p50), 2),
        ratio_p99=round(closed.p99 / (2 * bare.p99 + 2 * append.p99), 2),
        open_1k=spread(run_of.open[1_000], "µs"),
        open_5k=spread(run_of.open[5_000], "µs"),
        failed=run_of.failed,
        one_process_memory=run(measure_alone(_settings("memory"), seconds, ready=_ready, body=_body)),
        one_process_fsync=run(measure_alone(_settings("file"), seconds, ready=_ready, body=_body)),
        proof=proof,
    )


def _settings(journal: str) -> Settings:
    settings = demo_settings(seed=1)
    return msgspec.structs.replace(settings, journal=journal, orders=OrderSettings(default_account=TRADER, risk=_NO_LIMITS))


class _Run:
    def __init__(self, house: House, seconds: float) -> None:
        self._house, self._seconds = house, seconds
        self._wiring = Wiring(house.settings, process="bench")
        self._clock = self._wiring.clock
        self._numbers = itertools.count(1)
        self.bare: list[float] = []
        self.append: list[float] = []
        self.closed: list[float] = []
        self.open: dict[int, list[float]] = {1_000: [], 5_000: []}
        self.failed = 0

    async def run(self) -> None:
        bus = self._wiring.bus()
        await bus.connect()
        client = self._wiring.client(bus)
        raw, link = await nats.connect(self._house.server.url), NatsLink(self._house.server.url, name="bench-open")
        echo = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", _ECHO, self._house.server.url, str(self._seconds * 10 + 60)], stdout=subprocess.PIPE
        )
        try:
            await asyncio.to_thread(echo.stdout.readline)  # type: ignore[union-attr]  # PIPE was asked for
            await _first_order(client, self._clock)
            settle_memory()
            for _ in range(_ROUNDS):
                await self._measure_bare(raw)
                await self._measure_append()
                await self._measure_closed(client)
            await link.connect()
            for per_s in self.open:
                await self._measure_open(link, per_s)
        finally:
            await link.close()
            echo.terminate()
            echo.wait()
            await raw.close()
            await bus.close()

    async def _measure_bare(self, raw: Client) -> None:
        end_ns = self._clock.monotonic_ns() + int(self._seconds / _ROUNDS * 1e9)
        payload = b"x" * 200
        while (began_ns := self._clock.monotonic_ns()) < end_ns:
            await raw.request("bench.echo", payload, timeout=2)
            self.bare.append((self._clock.monotonic_ns() - began_ns) / 1e3)

    async def _measure_append(self) -> None:
        journal = self._wiring.journal("bench")
        await journal.open()
        last, epoch = await journal.last()
        end_ns = self._clock.monotonic_ns() + int(self._seconds / _ROUNDS / 2 * 1e9)
        while (began_ns := self._clock.monotonic_ns()) < end_ns:
            last = await journal.append([_RECORD], expected=last, epoch=epoch)
            self.append.append((self._clock.monotonic_ns() - began_ns) / 1e3)
        await journal.close()

    async def _measure_closed(self, client: OrderClient) -> None:
        end_ns = self._clock.monotonic_ns() + int(self._seconds / _ROUNDS * 1e9)
        while (began_ns := self._clock.monotonic_ns()) < end_ns:
            if await self._order(client):
                self.closed.append((self._clock.monotonic_ns() - began_ns) / 1e3)

    async def _measure_open(self, link: NatsLink, per_s: int) -> None:
        """Questions as the contract words them, without a client's retries: what is asked in time is what is answered in time."""
        waiting: list[asyncio.Future[NatsMessage]] = []
        subject, into = rpc_subject(ORDER_MANAGEMENT, "buy"), self.open[per_s]
        async for due_ns in schedule(self._clock, per_s=per_s, seconds=self._seconds):
            question = link.begin(subject, _body(f"bench-{next(self._numbers)}"), timeout_s=_OPEN_TIMEOUT_S)
            question.add_done_callback(partial(self._answered, due_ns, into))
            waiting.append(question)
        await asyncio.gather(*waiting, return_exceptions=True)

    def _answered(self, due_ns: int, into: list[float], done: "asyncio.Future[NatsMessage]") -> None:
        if done.cancelled() or done.exception() is not None or b'"error"' in done.result().data:
            self.failed += 1
        else:
            into.append((self._clock.monotonic_ns() - due_ns) / 1e3)

    async def _order(self, client: OrderClient) -> bool:
        try:
            await _send(client, f"bench-{next(self._numbers)}")
        except TradepitError:
            self.failed += 1
            return False
        return True


async def _send(client: OrderClient, client_order_id: str) -> None:
    """A fill-and-kill that finds nothing: accepted, journaled on both sides, ended; the books stay small."""
    await client.submit(
        side="BUY",
        symbol=_SYMBOL,
        price=Decimal(4400),
        volume=1,
        account=TRADER,
        order_type="FAK",
        client_order_id=client_order_id,
    )


async def _first_order(client: OrderClient, clock: SystemClock) -> None:
    """Wait until the house takes orders."""
    deadline_ns = clock.monotonic_ns() + int(_START_S * 1e9)
    while clock.monotonic_ns() < deadline_ns:
        try:
            await _send(client, "bench-0")
        except Refused as error:
            raise ConfigError("the house refuses the measured order", code=error.reason_code) from error
        except TradepitError:
            await asyncio.sleep(0.1)
        else:
            return
    raise ConfigError("the house did not come up in time")


async def _ready(wiring: Wiring) -> None:
    await _first_order(wiring.client(wiring.bus()), wiring.clock)


def _body(client_order_id: str) -> bytes:
    return _BODY % client_order_id.encode()
