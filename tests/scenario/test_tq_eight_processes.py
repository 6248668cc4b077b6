"""The broker connect as eight processes under load, from outside alone: RabbitMQ in, the exchange, rows and keys; all of them agree.

Five seconds of fifty orders a second; TQ_EIGHT_SECONDS=60 is the long form.
"""

import asyncio
import json
import os
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import aiormq
import asyncpg
import redis
from tests.diff_house import TRADING, DiffHouse, diff_settings

from tradepit.cli.bench.tq_connect import ACCOUNT, PORTFOLIO, SYMBOL, Connect, Servers

SECONDS = float(os.environ.get("TQ_EIGHT_SECONDS", "5"))
PER_S, PATIENCE_S = 50, 120.0 + 5 * SECONDS
SUBMITS, CANCELS, EXCHANGE, DEAD = (
    "tq_order_submit_requests",
    "tq_order_cancel_requests",
    "tq_order_request_exchange",
    "tq_dead_letters",
)
ASK, BID, DEEP = 3300, 3290, 3280
FINAL = {"FILLED", "CANCELLED", "REJECTED", "EXPIRED"}
WITH_LOGIN = {"tq_order_submitter", "tq_order_canceller", "tq_order_monitor", "tq_position_monitor", "tq_account_monitor"}
Json = dict[str, Any]


class Engine:
    """Publishes what an engine does, remembers what it asked for."""

    def __init__(self, servers: Servers, seed: int) -> None:
        self._servers, self._chance = servers, Random(seed)
        self.asked: dict[str, Json] = {}
        self.resting: list[str] = []
        self.cancelled: set[str] = set()
        self.nonsense = 0

    async def open(self) -> None:
        self._line = await aiormq.connect(self._servers.rabbit.url)
        self._channel = await self._line.channel()
        self.rows = await asyncpg.connect(self._servers.postgres.url.replace("+asyncpg", ""))
        self.keys = redis.Redis(port=self._servers.valkey.port, password=self._servers.valkey.password, decode_responses=True)

    async def close(self) -> None:
        self.keys.close()
        await self.rows.close()
        await self._line.close()

    async def consumed(self, queue: str) -> bool:
        """Whether a queue is there and somebody consumes it."""
        channel = await self._line.channel()
        try:
            return bool((await channel.queue_declare(queue, passive=True)).consumer_count)
        except aiormq.AMQPError:
            return False

    async def waiting(self, queue: str) -> int:
        return (await self._channel.queue_declare(queue, passive=True)).message_count or 0

    async def open_order(self, name: str, volume: int, price: int = ASK) -> None:
        await self._submit(name, "BUY", "OPEN", volume, price)

    async def act(self, number: int) -> None:
        """One of the things an engine does fifty times a second; some of them twice."""
        chance, name, action = self._chance, f"o{number}", self._chance.random()
        if action < 0.55:
            await self.open_order(name, chance.randint(1, 2))
        elif action < 0.70:
            await self.open_order(name, 2, DEEP)
            self.resting.append(name)
        elif action < 0.90:
            await self._submit(name, "SELL", "CLOSE", chance.randint(1, 2), BID)
        elif action < 0.95:
            await self._submit(name, "SELL", "CLOSE", 1_000_000, BID)  # more than there is
        else:
            self.nonsense += 1
            await self._publish(SUBMITS, b"no order")
        if number % 10 == 0:
            await self.cancel_some()

    async def cancel_some(self) -> None:
        """Cancel what rests, as far as it is known to: an engine cancels what it was told of."""
        rows = await self.history()
        known = [name for name in self.resting if rows.get(name, {}).get("status") == "ALIVE"]
        self.resting = [name for name in self.resting if name not in known]
        for name in known:
            await self.cancel(name)

    async def cancel(self, name: str) -> None:
        self.cancelled.add(name)
        await self._publish(CANCELS, _enveloped("CANCEL", {"order_id": name, "portfolio_id": PORTFOLIO}))

    async def _submit(self, name: str, direction: str, offset: str, volume: int, price: int) -> None:
        order = {"symbol": SYMBOL, "direction": direction, "offset": offset, "volume": volume, "limit_price": float(price)}
        self.asked[name] = order
        body = _enveloped("SUBMIT", order | {"order_id": name, "portfolio_id": PORTFOLIO})
        for _ in range(self._chance.choice((1, 1, 1, 2))):
            await self._publish(SUBMITS, body)

    async def _publish(self, queue: str, body: bytes) -> None:
        await self._channel.basic_publish(body, exchange=EXCHANGE, routing_key=queue)

    async def history(self) -> dict[str, Json]:
        try:
            return {row["id"]: dict(row) for row in await self.rows.fetch("SELECT * FROM order_history")}
        except asyncpg.UndefinedTableError:
            return {}

    async def events(self) -> list[tuple[str, str]]:
        found = await self.rows.fetch("SELECT order_id, status FROM order_event ORDER BY id")
        return [(row["order_id"], row["status"]) for row in found]

    def net(self) -> int:
        return int(self.keys.get(f"TQ_Position_PortfolioId_{PORTFOLIO}_Symbol_{SYMBOL}") or 0)

    def breakdown(self) -> Json:
        found = self.keys.get(f"TQ_Position_Breakdown_PortfolioId_{PORTFOLIO}_Symbol_{SYMBOL}")
        return dict(json.loads(found or "{}"))


def _enveloped(kind: str, payload: Json) -> bytes:
    stamp = "2025-01-06T02:30:00Z"
    return json.dumps({"type": kind, "request_id": payload["order_id"], "timestamp": stamp, "payload": payload}).encode()


@asynccontextmanager
async def engine_at(servers: Servers) -> AsyncIterator[Engine]:
    engine = Engine(servers, seed=8)
    await engine.open()
    try:
        yield engine
    finally:
        await engine.close()


async def until(connect: Connect, what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what must come; a service that has ended says so itself."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await holds():
                connect.check()
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"waited in vain for {what}; the services' last words:\n{connect.last_words()}") from None


async def venue_orders(house: DiffHouse) -> dict[str, Json]:
    """The account's orders as the exchange has them, by their senders' ids."""
    found: list[Json] = []
    while True:
        page = await house.rpc("rpc.trading-gateway.orders", {"account": ACCOUNT, "offset": len(found)})
        found += page["orders"]
        if not page["orders"] or len(found) >= page["total"]:
            break
    named = {order["intent"]["client_order_id"]: order for order in found}
    assert len(named) == len(found), "no order is there twice"
    return named


async def test_eight_processes_under_load_agree_with_the_exchange(tmp_path: Path) -> None:
    with Servers(tmp_path) as servers:
        async with DiffHouse(tmp_path, diff_settings(), TRADING) as house, engine_at(servers) as engine:
            await house.leader()
            for _ in range(8):
                await house.order("sell", ASK, 500, symbol="rb2505", account="B1")
                await house.order("buy", BID, 500, symbol="rb2505", account="B1")
            connect = Connect(tmp_path / "connect", servers.config(), house.house.settings.diff.port)
            with connect:
                await until(connect, "queues", lambda: _all(engine.consumed(queue) for queue in (SUBMITS, CANCELS)))
                await engine.open_order("first", 300)
                await until(connect, "the first order", lambda: _finished(engine, {"first"}))
                await trade(engine)
                await until(connect, "the last cancels", lambda: _cancelled(engine))
                await agree(house, engine, connect)
                members = connect.members()
                assert {name for name, member in members.items() if member.tqsdk_mb} == WITH_LOGIN
                assert len(members) == 8
            assert set(connect.codes.values()) == {0}, connect.codes


async def trade(engine: Engine) -> None:
    """A steady load."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(int(PER_S * SECONDS)):
        await asyncio.sleep(max(0.0, began + number / PER_S - loop.time()))
        await engine.act(number)


async def agree(house: DiffHouse, engine: Engine, connect: Connect) -> None:
    """Rows, events, keys and dead letters against the exchange: every order once, in its final state."""
    refused = {name for name, order in engine.asked.items() if order["volume"] == 1_000_000}
    await until(connect, "every order's row to be finished", lambda: _finished(engine, engine.asked.keys()))
    venue, rows = await venue_orders(house), await engine.history()
    assert {order["status"] for order in venue.values()} <= FINAL
    children: dict[str, list[str]] = defaultdict(list)
    for name in venue:
        children[name.removesuffix("_closetoday").removesuffix("_close")].append(name)
    assert children.keys() == engine.asked.keys() - refused, "the exchange has every order that was asked for, and no other"
    for name, order in engine.asked.items():
        parts, row = [venue[part] for part in children.get(name, ())], rows[name]
        assert (row["volume_orign"], row["direction"], row["offset"]) == (order["volume"], order["direction"], order["offset"])
        assert sum(part["intent"]["volume_lots"] for part in parts) == (0 if name in refused else order["volume"])
        assert row["filled_quantity"] == sum(part.get("traded_lots", 0) for part in parts)
        for part in children.get(name, ()):
            assert (rows[part]["status"], rows[part]["filled_quantity"]) == ("FINISHED", venue[part].get("traded_lots", 0))
    told = await engine.events()
    ends = {name: kind for name, kind in told if kind in ("COMPLETE_FILL", "CANCELLED", "REJECTED")}
    assert {name for name, kind in ends.items() if kind == "CANCELLED"} == engine.cancelled
    assert {name for name, kind in ends.items() if kind == "REJECTED"} == refused
    assert [event for event, count in Counter(told).items() if count > 1 and event[1] != "PARTIAL_FILL"] == []
    lots = {row[2]: row[3] + row[4] for row in await house.venue_positions(ACCOUNT)}
    await until(connect, f"the position's keys to tell {lots}", lambda: _holds(engine, lots))
    await until(connect, "dead letters", lambda: _count_is(engine, DEAD, engine.nonsense))


async def _finished(engine: Engine, names: Any) -> bool:
    rows = await engine.history()
    return all(rows.get(name, {}).get("status") == "FINISHED" for name in names)


async def _holds(engine: Engine, lots: dict[str, int]) -> bool:
    long, short = lots.get("BUY", 0), lots.get("SELL", 0)
    split = engine.breakdown()
    return engine.net() == long - short and (split.get("pos_long"), split.get("pos_short")) == (long, short)


async def _cancelled(engine: Engine) -> bool:
    await engine.cancel_some()
    return not engine.resting


async def _count_is(engine: Engine, queue: str, count: int) -> bool:
    return await engine.waiting(queue) == count


async def _all(answers: Any) -> bool:
    return all([await answer for answer in answers])
