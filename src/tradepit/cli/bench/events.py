"""``tradepit bench events``: from publishing to every subscriber beside bare NATS, and from a trade to equal positions everywhere."""

import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec
import nats
from nats.aio.client import Client

from tradepit.backends.bus.nats import NatsBus
from tradepit.cli.bench.figures import Spread, spread
from tradepit.cli.bench.listener import BARE, DURABLE, END, LIVE
from tradepit.cli.bench.pacer import schedule
from tradepit.cli.demo_settings import TRADER, demo_settings
from tradepit.cli.house import House
from tradepit.cli.loop import run
from tradepit.cli.proof import Proof, prove
from tradepit.compose.wiring import Wiring
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.nats_server import NatsServer
from tradepit.runtime.order_client import OrderClient
from tradepit.trading.model.errors import ConfigError, TradepitError
from tradepit.trading.model.report import TradeReport
from tradepit.wire.gateway import read_reports
from tradepit.wire.simulator import TRADING_GATEWAY, rpc_subject

_LISTENERS = 3
_PER_S = 500.0
_KEEPERS = (("position-tracker", "position-tracker-1"), ("risk-monitor", "risk-monitor-1"), ("risk-monitor", "risk-monitor-2"))
_WITHOUT = frozenset({"trade-executor", "trading-agents", "market-recorder", "monitor-api", "execution-algo"})
_START_S = 30.0
_POLL_S = 0.001
_LOOK_BACK = 50


class EventsResult(msgspec.Struct, frozen=True, kw_only=True):
    """Microseconds from publish to each of ``listeners`` processes; milliseconds from an order's answer to equal positions.

    ``durable`` is kept by the server before anybody hears it, ``live`` is not; ``bare`` is raw nats-py to the same processes.
    """

    listeners: int
    per_s: float
    bare: Spread
    live: Spread
    durable: Spread
    live_ratio_p99: float
    positions_equal: Spread
    proof: Proof


class _Digest(msgspec.Struct, kw_only=True):
    seq: int = 0
    digest: str = ""


class _Status(msgspec.Struct, kw_only=True):
    last_report: int = 0


def measure(*, seconds: float) -> EventsResult:
    """Ends by itself."""
    with tempfile.TemporaryDirectory(prefix="tradepit-events-") as name:
        times = run(_deliveries(Path(name) / "nats", seconds))
    with tempfile.TemporaryDirectory(prefix="tradepit-events-") as name:
        folder = Path(name)
        house = House(demo_settings(seed=1), folder, without=_WITHOUT)
        house.start()
        try:
            synced = run(_positions(house, trades=int(seconds * 10)))
        finally:
            house.stop()
        proof = prove(folder)
    bare, live = spread(times["bare"], "µs"), spread(times["live"], "µs")
    return EventsResult(
        listeners=_LISTENERS,
        per_s=_PER_S,
        bare=bare,
        live=live,
        durable=spread(times["durable"], "µs"),
        live_ratio_p99=round(live.p99 / bare.p99, 2),
        positions_equal=spread(synced, "ms"),
        proof=proof,
    )


async def _deliveries(folder: Path, seconds: float) -> dict[str, list[float]]:
    server, clock = NatsServer(folder), SystemClock()
    server.start()
    command = [sys.executable, "-m", "tradepit.cli.bench.listener", server.url]
    listeners = [
        subprocess.Popen([*command, f"listener-{number}"], stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
        for number in range(_LISTENERS)
    ]
    bus, raw = NatsBus(server.url, name="bench", channels=(DURABLE, LIVE)), await nats.connect(server.url)
    try:
        await bus.connect()
        for listener in listeners:
            await asyncio.to_thread(listener.stdout.readline)  # type: ignore[union-attr]  # PIPE was asked for
        # The three ways take turns, so that whatever else the machine does falls on each of them alike.
        ways = itertools.cycle(("bare", "live", "durable"))
        async for _ in schedule(clock, per_s=_PER_S, seconds=seconds):
            payload = b"%020d" % clock.monotonic_ns() + b"x" * 230
            await _publish(next(ways), bus, raw, payload)
        for way in ("bare", "live", "durable"):
            await _publish(way, bus, raw, END)
        told = [await asyncio.to_thread(listener.communicate) for listener in listeners]
        merged: dict[str, list[float]] = {"bare": [], "live": [], "durable": []}
        for output, _ in told:
            for way, times in json.loads(output.strip().splitlines()[-1]).items():
                merged[way].extend(times)
        return merged
    finally:
        for listener in listeners:
            listener.kill()
            listener.wait()
        await raw.close()
        await bus.close()
        server.stop()


async def _publish(way: str, bus: NatsBus, raw: Client, payload: bytes) -> None:
    if way == "bare":
        await raw.publish(BARE, payload)
        await raw.flush()
    else:
        await bus.publish((LIVE if way == "live" else DURABLE).subject, payload)


async def _positions(house: House, *, trades: int) -> list[float]:
    """For each trade: from the order's answer until every keeper of positions has the venue's digest of that moment."""
    wiring = Wiring(house.settings, process="bench")
    bus, clock = wiring.bus(), wiring.clock
    await bus.connect()
    client, times = wiring.client(bus), list[float]()
    try:
        await _await_keepers(wiring)
        for number in range(trades):
            await _trade(client, number)
            began_ns = clock.monotonic_ns()
            target = await _last_trade(wiring)
            await asyncio.gather(*(_reach(wiring, service, instance, target) for service, instance in _KEEPERS))
            times.append((clock.monotonic_ns() - began_ns) / 1e6)
            await asyncio.sleep(0.02)
    finally:
        await bus.close()
    return times


async def _last_trade(wiring: Wiring) -> int:
    """The number of the exchange's newest trade report, among its last few reports."""
    answer = await wiring.bus().request(rpc_subject(TRADING_GATEWAY, "status"), b"{}", timeout_s=2)
    last = msgspec.json.decode(answer, type=_Status).last_report
    body = msgspec.json.encode({"after": max(0, last - _LOOK_BACK), "limit": _LOOK_BACK})
    reports = read_reports(await wiring.bus().request(rpc_subject(TRADING_GATEWAY, "reports"), body, timeout_s=2))
    return max((report.sequence for report in reports if isinstance(report, TradeReport)), default=0)


async def _trade(client: OrderClient, number: int) -> bool:
    """Two sides of one account's trade with the outside market, in turn; whether it found the market there."""
    side, price = ("BUY", Decimal(4600)) if number % 2 else ("SELL", Decimal(4400))
    reply = await client.submit(
        side=side, symbol="IF2501", price=price, volume=1, account=TRADER, order_type="FAK", client_order_id=f"bench-{number}"
    )
    return reply.get("order_status") == "FILLED"


async def _reach(wiring: Wiring, service: str, instance: str, target: int) -> None:
    while True:
        answer = await wiring.bus().request(f"service.{service}.{instance}.digest", b"{}", timeout_s=2)
        if msgspec.json.decode(answer, type=_Digest).seq >= target:
            return
        await asyncio.sleep(_POLL_S)


async def _await_keepers(wiring: Wiring) -> None:
    deadline_ns = wiring.clock.monotonic_ns() + int(_START_S * 1e9)
    client = wiring.client(wiring.bus())
    number = 0
    while wiring.clock.monotonic_ns() < deadline_ns:
        number -= 1
        try:
            traded = await _trade(client, number)
            for service, instance in _KEEPERS:
                await wiring.bus().request(f"service.{service}.{instance}.digest", b"{}", timeout_s=1)
        except TradepitError:
            traded = False
        if traded:
            return
        await asyncio.sleep(0.2)
    raise ConfigError("the house did not come up in time")
