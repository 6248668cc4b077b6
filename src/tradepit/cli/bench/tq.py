"""``tradepit bench tq``: an order's way through the broker connect's eight services, beside a bare TqApi at the same front.

RabbitMQ, TqSDK, the exchange behind its DIFF front, Redis and PostgreSQL are all there; the two take turns.
"""

import asyncio
import itertools
import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import aiormq
import msgspec

from tradepit.cli.bench.figures import Spread, spread
from tradepit.cli.bench.pacer import schedule
from tradepit.cli.bench.tq_connect import ACCOUNT, PORTFOLIO, SYMBOL, Connect, Logins, Member, Servers
from tradepit.cli.bench.tq_watch import Watch
from tradepit.cli.house import House
from tradepit.cli.loop import run
from tradepit.cli.proof import Proof, prove
from tradepit.compose.wiring import Wiring
from tradepit.config import (
    AccountSettings,
    ContractSettings,
    DiffSettings,
    ExchangeSettings,
    LogSettings,
    OrderSettings,
    Settings,
)
from tradepit.ports.bus import Message
from tradepit.profiles.catalogue import roles_of
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.trading.model.errors import OutcomeUnknown, Unavailable
from tradepit.trading.model.report import OrderReport
from tradepit.wire.gateway import read_report
from tradepit.wire.simulator import BROKER_REPORTS
from tradepit.wire.tq import QueueNames

_EXCHANGE = frozenset({"trading-gateway", "order-management", "diff-front"})
_STANDBYS = ("order-management-2", "order-management-3")
_OTHER, _BARE = "B1", "bare"
_PRICE, _MOST_LOTS = 3300, 500
_ROUNDS = 3
_WARM_UP = 20
_START_S, _SETTLE_S = 90.0, 20.0
_LOOK_S = 0.05
_RISK = {
    "rate": {"orders_per_s": 100_000, "order_burst": 100_000, "cancels_per_s": 100_000, "cancel_burst": 100_000},
    "position_limit": {"max_long": 1_000_000, "max_short": 1_000_000},
    "working_cap": {"max_per_symbol": 1_000_000, "max_per_account": 1_000_000},
}


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the orders published: each should be acknowledged once, be a finished row, and be a lot of the position."""

    asked: int
    acknowledged: int
    finished_rows: int
    refused: int
    exchange_orders: int
    exchange_lots: int
    key_lots: int
    clean: bool


class TqResult(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds. ``request_to_exchange``: from publishing the request until the exchange has told of the order on its own bus;
    ``request_to_ack``: until the connect's update with the exchange's number is on the queue of order updates. From there
    ``ack_to_row``: until the row can be read in PostgreSQL; ``ack_to_key``: until the position's key in Redis has the lot.

    ``bare`` is a TqApi by itself, from ``insert_order`` until the order has the exchange's number; ``ratio_p50`` and ``ratio_p99``
    are ``request_to_ack`` over it. ``members``: each process's memory and processor time at the end; ``logins`` tells which they are.
    """

    logins: str
    per_s: float
    seconds: float
    request_to_exchange: Spread
    request_to_ack: Spread
    ack_to_row: Spread
    ack_to_key: Spread
    bare: Spread
    bare_unanswered: int
    ratio_p50: float
    ratio_p99: float
    members: dict[str, Member]
    tally: Tally
    proof: Proof


def measure(*, per_s: float, seconds: float, logins: Logins) -> TqResult:
    """``per_s`` orders a second, for ``seconds`` each through the connect and through a bare TqApi. Ends by itself.

    Raises Unavailable, when a server is not installed too.
    """
    with tempfile.TemporaryDirectory(prefix="tradepit-tq-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with ExitStack() as stack:
            _tell("starting RabbitMQ, Valkey and PostgreSQL")
            servers = stack.enter_context(Servers(folder))
            house = House(_settings(), folder / "exchange", without=_others(), also=_EXCHANGE)
            for standby in _STANDBYS:
                del house.members[house.process_of(standby)]
            _tell("starting the exchange with its DIFF front")
            house.start()
            stack.callback(house.stop)
            run(_make_market(house.settings, 2 * (int(per_s * seconds) + _WARM_UP)))
            _tell("starting the eight services of the broker connect, and a bare TqApi")
            connect = stack.enter_context(Connect(folder / "connect", servers.config(), house.settings.diff.port, logins=logins))
            bare = stack.enter_context(_bare(connect, folder))
            stack.callback(bare.kill)
            run_of = _Run(house, servers, connect, bare, per_s, seconds)
            run(run_of.run())
        return run_of.result(prove(folder / "exchange"), logins)


class _Run:
    def __init__(
        self, house: House, servers: Servers, connect: Connect, bare: "subprocess.Popen[str]", per_s: float, seconds: float
    ) -> None:
        self._servers, self._connect, self._bare = servers, connect, bare
        self._per_s, self._seconds = per_s, seconds
        self._wiring = Wiring(house.settings, process="bench")
        self._clock = SystemClock()
        self._watch = Watch(servers)
        self._numbers = itertools.count(1)
        self._published: dict[str, int] = {}
        self._at_exchange: dict[str, int] = {}
        self._bare_times: list[float] = []
        self._measured: set[str] = set()
        self._members: dict[str, Member] = {}
        self._tally: Tally

    async def run(self) -> None:
        bus = self._wiring.bus()
        await bus.connect()
        line = await aiormq.connect(self._servers.rabbit.url)
        self._channel = await line.channel(publisher_confirms=False)
        try:
            await bus.subscribe(BROKER_REPORTS, self._on_report)
            count = max(1, int(self._per_s * self._seconds / _ROUNDS))
            await self._begin()
            for number in range(1, _ROUNDS + 1):
                _tell(
                    f"round {number} of {_ROUNDS}: {count} orders at {self._per_s:g}/s through the connect, then from the bare TqApi"
                )
                self._measured |= await self._publish(count)
                await self._settled()
                await self._ask_bare(count)
            self._members = self._connect.members()
            await self._count()
        finally:
            await self._watch.close()
            await line.close()
            await bus.close()

    def result(self, proof: Proof, logins: Logins) -> TqResult:
        """What was measured."""
        acked, filled = self._watch.acknowledged, self._filled()
        measured = sorted(self._measured & acked.keys(), key=acked.__getitem__)
        ack = spread([(acked[name] - self._published[name]) / 1e6 for name in measured], "ms")
        bare = spread([told for told in self._bare_times if told >= 0], "ms")
        return TqResult(
            logins=logins,
            per_s=self._per_s,
            seconds=self._seconds,
            request_to_exchange=self._since(self._published, self._at_exchange),
            request_to_ack=ack,
            ack_to_row=self._since(acked, self._watch.rows),
            ack_to_key=self._since(acked, filled),
            bare=bare,
            bare_unanswered=sum(told < 0 for told in self._bare_times),
            ratio_p50=round(ack.p50 / bare.p50, 2) if bare.n else 0.0,
            ratio_p99=round(ack.p99 / bare.p99, 2) if bare.n else 0.0,
            members=self._members,
            tally=self._tally,
            proof=proof,
        )

    def _since(self, began: dict[str, int], ended: dict[str, int]) -> Spread:
        names = [name for name in self._measured if name in began and name in ended]
        # What is told on two ways at once may come first on either.
        return spread([max(0, ended[name] - began[name]) / 1e6 for name in names], "ms")

    def _filled(self) -> dict[str, int]:
        """When the key had each order's lot: orders of one lot fill in the order in which they are acknowledged."""
        found: dict[str, int] = {}
        nets = iter(self._watch.nets)
        at_ns, net = next(nets, (0, 0))
        for number, name in enumerate(sorted(self._watch.acknowledged, key=self._watch.acknowledged.__getitem__), start=1):
            while net < number:
                told = next(nets, None)
                if told is None:
                    return found
                at_ns, net = told
            found[name] = at_ns
        return found

    async def _begin(self) -> None:
        """Until the services take orders, tell rows and keys, and the bare TqApi is logged in."""
        names = QueueNames()
        await self._until(lambda: self._has_queues(names.order_submit_queue, names.order_updates_queue), "the services' queues")
        await self._watch.open()
        await self._publish(1)
        await self._until(self._rows_finished, "the first order's row")
        await self._watch.watch_rows()
        await self._publish(_WARM_UP - 1)
        await self._settled()
        if (await asyncio.to_thread(self._bare.stdout.readline)).strip() != "ready":  # type: ignore[union-attr]  # PIPE was asked for
            raise Unavailable("the bare TqApi did not log in")

    async def _publish(self, count: int) -> set[str]:
        names, sent = QueueNames(), set()
        async for _ in schedule(self._clock, per_s=self._per_s, seconds=count / self._per_s):
            name = f"bench-{next(self._numbers)}"
            order = {"symbol": SYMBOL, "direction": "BUY", "offset": "OPEN", "volume": 1, "limit_price": float(_PRICE)}
            order |= {"order_id": name, "portfolio_id": PORTFOLIO}
            body = {"type": "SUBMIT", "request_id": name, "timestamp": "", "payload": order}
            self._published[name] = self._clock.monotonic_ns()
            await self._channel.basic_publish(
                msgspec.json.encode(body), exchange=names.order_exchange, routing_key=names.order_submit_queue
            )
            sent.add(name)
        return sent

    async def _ask_bare(self, count: int) -> None:
        told = json.dumps({"per_s": self._per_s, "count": count, "price": float(_PRICE)})
        self._bare.stdin.write(told + "\n")  # type: ignore[union-attr]  # PIPE was asked for
        self._bare.stdin.flush()  # type: ignore[union-attr]  # PIPE was asked for
        answer = await asyncio.to_thread(self._bare.stdout.readline)  # type: ignore[union-attr]  # PIPE was asked for
        if not answer:
            raise Unavailable("the bare TqApi has ended")
        self._bare_times += json.loads(answer)

    async def _settled(self) -> None:
        """Until all that was published can be read; what does not come is counted in the end."""
        deadline_ns = self._clock.monotonic_ns() + int(_SETTLE_S * 1e9)
        while self._clock.monotonic_ns() < deadline_ns:
            if await self._rows_finished() and await self._watch.net() >= len(self._published):
                return
            await asyncio.sleep(_LOOK_S)

    async def _rows_finished(self) -> bool:
        self._connect.check()
        states = await self._watch.row_states()
        return all(states.get(name, ("", 0))[0] == "FINISHED" for name in self._published)

    async def _has_queues(self, *queues: str) -> bool:
        self._connect.check()
        for queue in queues:
            line = await aiormq.connect(self._servers.rabbit.url)
            try:
                told = await (await line.channel()).queue_declare(queue, passive=True)
                if not told.consumer_count:
                    return False
            except aiormq.AMQPError:
                return False
            finally:
                await line.close()
        return True

    async def _until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        deadline_ns = self._clock.monotonic_ns() + int(_START_S * 1e9)
        while not await holds():
            if self._clock.monotonic_ns() > deadline_ns:
                raise Unavailable(f"waited in vain for {what}")
            await asyncio.sleep(_LOOK_S)

    async def _count(self) -> None:
        desk, names = ExchangeDesk(self._wiring.bus()), set(self._published)
        lots = sum(held.lots for held in await desk.positions(ACCOUNT))
        orders = await desk.orders(ACCOUNT)
        rows = await self._watch.row_states()
        finished = sum(rows.get(name) == ("FINISHED", 1) for name in names)
        acknowledged, key_lots = len(names & self._watch.acknowledged.keys()), await self._watch.net()
        self._tally = Tally(
            asked=len(names),
            acknowledged=acknowledged,
            finished_rows=finished,
            refused=len(self._watch.refused),
            exchange_orders=len(orders),
            exchange_lots=lots,
            key_lots=key_lots,
            clean={acknowledged, finished, len(orders), lots, key_lots, len(rows)} == {len(names)},
        )

    async def _on_report(self, message: Message) -> None:
        now_ns, report = self._clock.monotonic_ns(), read_report(message.payload)
        if isinstance(report, OrderReport) and report.order.intent.account == ACCOUNT:
            self._at_exchange.setdefault(report.order.client_order_id, now_ns)


async def _make_market(settings: Settings, lots: int) -> None:
    """Somebody who sells all that will be bought, as soon as the exchange takes orders."""
    wiring, left = Wiring(settings, process="bench"), lots
    bus, deadline_ns = wiring.bus(), wiring.clock.monotonic_ns() + int(_START_S * 1e9)
    await bus.connect()
    client = wiring.client(bus)
    while left > 0:
        volume = min(left, _MOST_LOTS)
        try:
            await client.submit(
                side="SELL", symbol="rb2505", price=Decimal(_PRICE), volume=volume, account=_OTHER,
                client_order_id=f"market-{left}",
            )  # fmt: skip
        except (OutcomeUnknown, Unavailable):
            if wiring.clock.monotonic_ns() > deadline_ns:
                raise
        else:
            left -= volume
    await bus.close()


def _settings() -> Settings:
    names = (ACCOUNT, _BARE, _OTHER)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    return Settings(
        profile="pit",
        exchange=ExchangeSettings(
            contracts=(ContractSettings(symbol="rb2505", reference=Decimal(_PRICE)),),
            accounts=tuple(AccountSettings(account=name, deposit=Decimal(100_000_000_000)) for name in names),
            starts_at="2025-01-06T10:00:00+08:00",
        ),
        orders=OrderSettings(risk=_RISK),
        diff=DiffSettings(port=port),
        log=LogSettings(level="WARNING"),
    )


def _others() -> frozenset[str]:
    return frozenset(role.name for role in roles_of("pit")) - _EXCHANGE


def _bare(connect: Connect, folder: Path) -> "subprocess.Popen[str]":
    environment = connect.environment | {"HOME": str(folder)}
    with (folder / "bare.out").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "tradepit.cli.bench.tq_bare", _BARE, SYMBOL],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, text=True, start_new_session=True,
        )  # fmt: skip


def _tell(line: str) -> None:
    sys.stderr.write(f"bench tq: {line}\n")
    sys.stderr.flush()
