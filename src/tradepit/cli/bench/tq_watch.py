"""What an engine sees of its orders: updates on the queue, rows in PostgreSQL, its position's key in Redis, each with its instant.

Rows and keys announce themselves (a trigger, keyspace events), so that looking for them does not slow down what is measured.
"""

import asyncio
import contextlib
from typing import Any

import aiormq
import asyncpg
import msgspec
from aiormq.abc import DeliveredMessage
from redis.asyncio import Redis

from tradepit.cli.bench.tq_connect import PORTFOLIO, SYMBOL, Servers
from tradepit.runtime.clock import SystemClock
from tradepit.wire.tq import OrderUpdate, QueueNames, position_key

_TRIGGER = """
CREATE OR REPLACE FUNCTION bench_tell() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('bench_rows', NEW.id); RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER bench_rows AFTER INSERT ON order_history FOR EACH ROW EXECUTE FUNCTION bench_tell();
"""
_UPDATE = msgspec.json.Decoder(OrderUpdate)
_ROWS = "SELECT id, status, filled_quantity FROM order_history WHERE portfolio_id = $1"


class Watch:
    """Instants are the machine's monotonic nanoseconds."""

    def __init__(self, servers: Servers) -> None:
        self._servers, self._clock = servers, SystemClock()
        self.acknowledged: dict[str, int] = {}
        self.rows: dict[str, int] = {}
        self.nets: list[tuple[int, int]] = []
        self.refused: dict[str, str] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._ends = contextlib.AsyncExitStack()
        self._keys: Redis
        self._database: Any

    async def open(self) -> None:
        """Listen to the queue of updates and to the key, once the services have declared and connected."""
        names = QueueNames()
        line = await aiormq.connect(self._servers.rabbit.url)
        self._ends.push_async_callback(line.close)
        channel = await line.channel()
        queue = (await channel.queue_declare(exclusive=True, auto_delete=True)).queue or ""
        await channel.queue_bind(queue, names.internal_exchange, routing_key="order_updates")
        await channel.basic_consume(queue, self._on_update, no_ack=True)
        self._keys = Redis(port=self._servers.valkey.port, password=self._servers.valkey.password, db=0)
        self._ends.push_async_callback(self._keys.aclose)
        await self._keys.config_set("notify-keyspace-events", "K$")
        self._database = await asyncpg.connect(self._servers.postgres.url.replace("+asyncpg", ""))
        self._ends.push_async_callback(self._database.close)
        self._tasks.append(asyncio.get_running_loop().create_task(self._watch_key()))

    async def watch_rows(self) -> None:
        """Have rows announce themselves; once the table is there."""
        await self._database.execute(_TRIGGER)
        await self._database.add_listener("bench_rows", self._on_row)

    async def close(self) -> None:
        """Listen no more. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._ends.aclose()

    async def net(self) -> int:
        """The net position's key; 0 while there is none."""
        return int(await self._keys.get(position_key(PORTFOLIO, SYMBOL)) or 0)

    async def row_states(self) -> dict[str, tuple[str, int]]:
        """Status and lots filled of every row."""
        with contextlib.suppress(asyncpg.UndefinedTableError):
            return {row["id"]: (row["status"], row["filled_quantity"]) for row in await self._database.fetch(_ROWS, PORTFOLIO)}
        return {}

    async def _on_update(self, message: DeliveredMessage) -> None:
        now_ns = self._clock.monotonic_ns()
        told = _UPDATE.decode(message.body)
        if told.exchange_order_id:
            self.acknowledged.setdefault(told.order_id, now_ns)
        elif told.reason:
            self.refused[told.order_id] = told.reason

    def _on_row(self, connection: object, pid: int, channel: str, payload: object) -> None:
        del connection, pid, channel
        self.rows.setdefault(str(payload), self._clock.monotonic_ns())

    async def _watch_key(self) -> None:
        pubsub = self._keys.pubsub()
        await pubsub.subscribe(f"__keyspace@0__:{position_key(PORTFOLIO, SYMBOL)}")
        async for told in pubsub.listen():
            if told["type"] == "message":
                net = await self.net()
                self.nets.append((self._clock.monotonic_ns(), net))
