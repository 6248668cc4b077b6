"""Ten thousand unusable messages in each queue of the broker connect: every one is told of once, with a code, and all goes on."""

import asyncio
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiormq
import asyncpg
import msgspec
import pytest
import redis
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel as AmqpChannel
from pamqp.commands import Basic
from tests.bad_messages import (
    TOO_LARGE,
    Queue,
    account_update,
    bad_message,
    cancel,
    order,
    order_update,
    position_update,
    properties,
)
from tests.diff_house import RB
from tests.house_under_test import settings_of
from tests.patience import PATIENCE_S
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitmqServer
from tests.servers.valkey import ValkeyServer

from tradepit.config import LogSettings, Settings, TqSettings, dump
from tradepit.services.tq_settings import TqServiceSettings

COUNT = int(os.environ.get("BAD_MESSAGES", "10000"))
"""How many for each queue. The three internal queues are the same services' in both profiles: in ``tq_flat`` they get a few."""
PORTFOLIO = "1234567890"
SUBMIT, CANCEL, FLAT = "tq_order_submit_requests", "tq_order_cancel_requests", "tq_order_requests"
ORDERS, POSITIONS, ACCOUNTS = (f"tq_internal_{what}_updates" for what in ("order", "position", "account"))
UPDATES = {ORDERS: (order_update(PORTFOLIO),), POSITIONS: (position_update(PORTFOLIO),), ACCOUNTS: (account_update(PORTFOLIO),)}
TAKING = ("tq_order_submitter", "tq_order_canceller")
HANDLING = ("tq_order_handler", "tq_position_handler", "tq_account_handler")
_REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
KNOWN = {
    code
    for page in ("errors.md", "risk-rules.md")
    for code in re.findall(r"`([A-Z][A-Z_]{3,})`", (_REFERENCE / page).read_text())
} - {"INTERNAL_ERROR"}
_AT_ONCE, _EVENTS_ALONE, _CUT = 500, 200, 64 * 1024
_MOST_GROWTH_MB = 40 + COUNT * 11 // 1000


class Shape(NamedTuple):
    """A profile: its queues, the processes its services run in, and where orders and cancels go."""

    profile: str
    queues: dict[str, tuple[Queue, ...]]
    processes: tuple[tuple[str, ...], ...]
    submit: str
    cancel: str


ENVELOPED = Shape(
    "tq",
    {SUBMIT: (order(PORTFOLIO, "good"),), CANCEL: (cancel(PORTFOLIO),), **UPDATES},
    ((*TAKING, "tq_order_monitor", "tq_position_monitor", "tq_account_monitor"), HANDLING),
    SUBMIT,
    CANCEL,
)
ALONE = Shape("tq_flat", {FLAT: (order(PORTFOLIO, "good"), cancel(PORTFOLIO)), **UPDATES}, ((),), FLAT, FLAT)


class Running(NamedTuple):
    """A process of ours and what it says."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def megabytes(self) -> int:
        """How much memory it holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) // 1024


@contextmanager
def running(folder: Path, settings: Settings, *names: str) -> Iterator[Running]:
    """``tradepit run`` from when it has started until the block ends; it must live as long."""
    folder.mkdir()
    log, config = folder / "log", folder / "tradepit.yaml"
    config.write_text(dump(msgspec.structs.replace(settings, data_dir=str(folder / "data"))))
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tradepit", "run", *names, "--config", str(config)], cwd=folder, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while " started\n" not in log.read_text():
            assert process.poll() is None, log.read_text()[-4000:]
            assert time.monotonic() < deadline, log.read_text()[-4000:]
            time.sleep(0.05)
        yield Running(process, log)
        assert process.poll() is None, log.read_text()[-4000:]
    finally:
        process.terminate()
        try:
            code = process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
    assert code == 0, log.read_text()[-4000:]


class Outside:
    """The engine's end of the three servers, which are its own: raw AMQP, SQL and Redis commands."""

    def __init__(self, rabbit: RabbitmqServer, valkey: ValkeyServer, postgres: PostgresServer, store: str) -> None:
        self._rabbit, self._store = rabbit, store
        self.keys = redis.Redis(port=valkey.port, password=valkey.password, db=1)
        exchange = settings_of("A1")
        exchange = msgspec.structs.replace(exchange, exchange=msgspec.structs.replace(exchange.exchange, contracts=(RB,)))
        self.exchange = msgspec.structs.replace(
            exchange, log=LogSettings(files=False), bus=rabbit.url, cache=valkey.url_of(1), lease="memory", journal="file?sync=os"
        )
        service = TqServiceSettings(portfolio_id=PORTFOLIO, account="A1", cancel_patience_s=0.05)
        self.connect = msgspec.structs.replace(self.exchange, store=store, tq=TqSettings(service=service))

    async def open(self) -> None:
        self.keys.flushdb()
        self.line = await aiormq.connect(self._rabbit.url)
        self.channel = await self.line.channel()
        self.rows = await asyncpg.connect(self._store.replace("+asyncpg", ""))

    async def close(self) -> None:
        await self.rows.close()
        await self.line.close()
        self.keys.close()

    async def publish(self, queue: str, body: object) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.channel.basic_publish(payload, routing_key=queue, mandatory=True)

    async def count(self, queue: str) -> tuple[int, int]:
        """Messages that wait, and consumers; (-1, -1) where there is no such queue."""
        probe = await self.line.channel()
        try:
            told = await probe.queue_declare(queue, passive=True)
        except aiormq.AMQPError:
            return -1, -1
        await probe.close()
        return int(told.message_count or 0), int(told.consumer_count or 0)

    async def drain(self, queue: str) -> Counter[bytes]:
        """What is left in a queue that nobody consumes."""
        found: Counter[bytes] = Counter()
        while not isinstance((got := await self.channel.basic_get(queue, no_ack=True)).delivery, Basic.GetEmpty):
            found[got.body] += 1
        return found

    async def events(self, order_id: str) -> list[str]:
        try:
            found = await self.rows.fetch("SELECT status FROM order_event WHERE order_id = $1 ORDER BY id", order_id)
        except asyncpg.UndefinedTableError:
            return []
        return [each["status"] for each in found]

    async def all_orders(self) -> list[str]:
        """The ids of all that became orders."""
        return [each["id"] for each in await self.rows.fetch("SELECT id FROM order_history")]


class Letters:
    """Everything that comes into the queue of dead letters: what it was, from which queue, and why.

    A cancel whose order nobody knows is handed on to the queue of submissions before it is given up: it counts where it came in.
    """

    def __init__(self, cancels: str) -> None:
        self._cancels = cancels
        self.told: dict[str, Counter[bytes]] = {}
        self.codes: Counter[str] = Counter()
        self.odd: list[tuple[object, bytes]] = []

    async def hear(self, outside: Outside) -> None:
        channel = await outside.line.channel()
        await channel.basic_consume("tq_dead_letters", self._keep, no_ack=True)

    async def _keep(self, letter: DeliveredMessage) -> None:
        headers: Any = letter.header.properties.headers or {}
        if headers.get("x-reason") not in KNOWN or not headers.get("x-detail"):
            self.odd.append((headers, letter.body[:300]))
        code, queue = headers.get("x-reason", ""), headers.get("x-queue", "")
        self.told.setdefault(self._cancels if code == "ORDER_NOT_FOUND" else queue, Counter())[letter.body] += 1
        self.codes[code] += 1


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[Outside]:
    with RabbitmqServer(tmp_path / "rabbit") as rabbit, ValkeyServer() as valkey, PostgresServer() as postgres:
        made = Outside(rabbit, valkey, postgres, await postgres.create_database())
        await made.open()
        yield made
        await made.close()


@pytest.fixture
def exchange(outside: Outside, tmp_path: Path) -> Iterator[Running]:
    """The simulated exchange in a process of its own, on the same RabbitMQ."""
    with running(tmp_path / "exchange", outside.exchange, "trading-gateway") as made:
        yield made


async def until(
    holds: Callable[[], Awaitable[bool]], what: Callable[[], object], progress: Callable[[], object] = lambda: None
) -> None:
    """Wait for what must come, as long as there is progress; ``what`` says what is missing."""
    seen, deadline = progress(), time.monotonic() + PATIENCE_S
    while not await holds():
        if progress() != seen:
            seen, deadline = progress(), time.monotonic() + PATIENCE_S
        assert time.monotonic() < deadline, f"waited in vain for {what()}"
        await asyncio.sleep(0.1)


async def flood(outside: Outside, queue: str, kinds: tuple[Queue, ...], count: int, chance: random.Random) -> Counter[bytes]:
    """Publish so many bad messages, all of them confirmed; what was sent."""
    sent: Counter[bytes] = Counter()
    channel = await outside.line.channel()
    assert isinstance(channel, AmqpChannel)  # it declares less than it gives
    for begin in range(0, count, _AT_ONCE):
        numbers = range(begin, min(begin + _AT_ONCE, count))
        batch = [bad_message(chance, chance.choice(kinds), f"{queue}-{number}") for number in numbers]
        told = await asyncio.gather(
            *(
                channel.basic_publish(body, routing_key=queue, properties=properties(chance, number), mandatory=True, wait=False)
                for number, body in zip(numbers, batch, strict=True)
            )
        )
        assert all(isinstance(each, Basic.Ack) for each in told), told
        sent.update(batch)
    return sent


def id_of(body: bytes) -> str:
    """The order's id in either shape; empty where none can be read: only a letter tells of such a message."""
    try:
        fields = json.loads(body)
        name = str(fields.get("payload", fields)["order_id"])
        return name if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) else ""
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""


async def refusals(outside: Outside, bodies: Counter[bytes]) -> Counter[bytes]:
    """Which of these requests were refused in ``order_event``, with a code."""
    ids = {name: body for body in bodies if (name := id_of(body))}
    found = await outside.rows.fetch(
        "SELECT order_id, msg->>'reason' AS reason FROM order_event WHERE status = 'REJECTED' AND order_id = ANY($1)", list(ids)
    )
    assert {each["reason"] for each in found} <= KNOWN
    return Counter(ids[each["order_id"]] for each in found)


@pytest.mark.parametrize("shape", [ENVELOPED, ALONE], ids=["enveloped", "flat"])
async def test_every_bad_message_is_told_of_once(outside: Outside, exchange: Running, tmp_path: Path, shape: Shape) -> None:
    chance, letters = random.Random(20250106), Letters(shape.cancel)
    settings = msgspec.structs.replace(outside.connect, profile=shape.profile)
    with ExitStack() as stack:
        connects = [
            stack.enter_context(running(tmp_path / f"connect-{number}", settings, *names))
            for number, names in enumerate(shape.processes)
        ]

        def said() -> str:
            return "\n".join(each.log.read_text(errors="replace")[-3000:] for each in (*connects, exchange))

        for queue in shape.queues:

            async def consumed(queue: str = queue) -> bool:
                return (await outside.count(queue))[1] == 1

            await until(consumed, said)
        good = shape.queues[shape.submit][0].good | {"order_id": "good"}
        await outside.publish(shape.submit, good)

        async def known() -> bool:
            return "NEW" in await outside.events("good")

        await until(known, said)
        await letters.hear(outside)
        before = [each.megabytes() for each in connects]
        few = COUNT // 20 if shape is ALONE else COUNT
        counts = {queue: few if queue in UPDATES else COUNT for queue in shape.queues}
        left = {queue: await flood(outside, queue, kinds, counts[queue], chance) for queue, kinds in shape.queues.items()}
        large = (shape.submit, ORDERS)
        for queue in large:
            await outside.publish(queue, TOO_LARGE)

        async def all_told() -> bool:
            assert not letters.odd, letters.odd[:5]
            assert all(each.process.poll() is None for each in connects), said()
            if letters.codes.total() < sum(sent.total() for sent in left.values()) - _EVENTS_ALONE:
                return False
            missing = {queue: sent - letters.told.get(queue, Counter()) for queue, sent in left.items()}
            missing[shape.submit] -= await refusals(outside, missing[shape.submit])
            return not any(missing.values())

        await until(all_told, lambda: (letters.codes, said()), letters.codes.total)
        await _check_good_ones_pass(outside, shape, said)
        for queue, sent in left.items():
            # What has a letter has it once. The letter of what was too large to be kept whole is its beginning.
            assert letters.told[queue] - sent == Counter({TOO_LARGE[:_CUT]: 1} if queue in large else {}), queue
        after = [each.megabytes() for each in connects]
        assert all(now < then + _MOST_GROWTH_MB for now, then in zip(after, before, strict=True)), (before, after)
    # Stopped, they have given back what they had not acknowledged: no bad message. A monitor may have told of the good ones' effect.
    for queue, sent in left.items():
        assert (await outside.count(queue))[1] == 0
        assert not await outside.drain(queue) & sent, queue
    asked = [name for name in await outside.all_orders() if name.startswith("tq_")]
    assert asked == [], "a bad message became an order"


async def _check_good_ones_pass(outside: Outside, shape: Shape, said: Callable[[], str]) -> None:
    """A good message on each queue has its effect."""
    fields = {queue: dict(kinds[-1].good) for queue, kinds in shape.queues.items()}
    await outside.publish(shape.submit, shape.queues[shape.submit][0].good | {"order_id": "second"})
    await outside.publish(ORDERS, fields[ORDERS] | {"order_id": "told"})
    await outside.publish(POSITIONS, fields[POSITIONS] | {"symbol": "DCE.m2505", "net_position": -7})
    await outside.publish(ACCOUNTS, fields[ACCOUNTS] | {"portfolio_id": "other", "balance": 5.0})

    async def passed() -> bool:
        orders = await outside.events("second") == ["NEW"] and await outside.events("told") == ["NEW"]
        account = json.loads(outside.keys.get("TQ_Account_PortfolioId_other") or "{}")
        position = outside.keys.get(f"TQ_Position_PortfolioId_{PORTFOLIO}_Symbol_DCE.m2505")
        return orders and position == b"-7" and account.get("balance") == 5.0

    await until(passed, said)
    await outside.publish(shape.cancel, fields[shape.cancel] | {"order_id": "second"})

    async def cancelled() -> bool:
        return await outside.events("second") == ["NEW", "CANCELLED"]

    await until(cancelled, said)
