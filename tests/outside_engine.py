"""An engine as RabbitMQ sees one: it publishes raw JSON until the server has confirmed it, and writes down what it did."""

import asyncio
import contextlib
import itertools
import json
import logging
import random
from pathlib import Path
from typing import Any, Self

import aiormq
from aiormq.abc import AbstractChannel, AbstractConnection
from pamqp.commands import Basic

PORTFOLIO = "1234567890"
RB, IF = "SHFE.rb2505", "CFFEX.IF2501"
SUBMITS, CANCELS, DEAD = "tq_order_submit_requests", "tq_order_cancel_requests", "tq_dead_letters"
EXCHANGE = "tq_order_request_exchange"
_ANSWER_S, _AGAIN_S = 5.0, 0.1
# A server that is away is no news here.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)
# Where another account makes the market; what is asked for at `deep` rests.
_PRICES = {RB: (3290.0, 3300.0, 3250.0, 3340.0), IF: (4498.0, 4500.0, 4470.0, 4530.0)}


class OutsideEngine:
    """Its log has a line before each request is published and one when the server has it: in doubt it publishes again."""

    def __init__(self, url: str, log: Path, chance: random.Random) -> None:
        self._url, self.log, self._chance = url, log, chance
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._turn = asyncio.Lock()
        self._sent: list[dict[str, Any]] = []
        self._resting: list[str] = []
        self.orders = self.cancels = self.repeated = self.again = 0

    async def __aenter__(self) -> Self:
        self._file = self.log.open("ab", buffering=0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._file.close()
        if self._connection is not None:
            with contextlib.suppress(Exception):
                await self._connection.close()

    async def publish(self, queue: str, body: object) -> None:
        """Publish until the server says that it has it."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._write(event="asked", body=body if not isinstance(body, bytes) else raw.decode(errors="replace"))
        for tries in itertools.count():
            try:
                async with self._turn, asyncio.timeout(_ANSWER_S):
                    channel = await self._open()
                    properties = Basic.Properties(delivery_mode=2, content_type="application/json")
                    await channel.basic_publish(raw, exchange=EXCHANGE, routing_key=queue, properties=properties, mandatory=True)
            except Exception:  # noqa: BLE001 - an engine outlives whatever its client raises when a server dies
                self._channel = None
                self.again += tries > 0
                await asyncio.sleep(_AGAIN_S)
            else:
                break
        self._write(event="confirmed", body=body if not isinstance(body, bytes) else raw.decode(errors="replace"))

    async def trade(self, orders_per_s: float, stop: asyncio.Event, prefix: str) -> None:
        """Orders, cancels, repetitions and nonsense, so many orders a second by the clock, until told to stop."""
        loop = asyncio.get_running_loop()
        began, waiting = loop.time(), set[asyncio.Task[None]]()
        for number in itertools.count():
            if stop.is_set():
                break
            task = loop.create_task(self._one(f"{prefix}{number:05}"))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
            await asyncio.sleep(max(0.0, began + (number + 1) / orders_per_s - loop.time()))
        await asyncio.gather(*waiting)

    async def _one(self, order_id: str) -> None:
        chance = self._chance
        order, rests = self._order(order_id)
        self.orders += 1
        await self.publish(SUBMITS, _enveloped("SUBMIT", order))
        self._sent.append(order)
        if rests:
            self._resting.append(order_id)
        if chance.random() < 0.1:
            self.repeated += 1
            await self.publish(SUBMITS, _enveloped("SUBMIT", chance.choice(self._sent)))
        if chance.random() < 0.08 and self._resting:
            await self._cancel(self._resting.pop(chance.randrange(len(self._resting))))

    async def cancel_half(self) -> None:
        """Cancel every second order that was to rest and was not cancelled yet."""
        for order_id in self._resting[::2]:
            await self._cancel(order_id)

    async def _cancel(self, order_id: str) -> None:
        self.cancels += 1
        await self.publish(CANCELS, _enveloped("CANCEL", {"order_id": order_id, "portfolio_id": PORTFOLIO}))

    def _order(self, order_id: str) -> tuple[dict[str, Any], bool]:
        """An order, and whether it rests in the book at the price it asks for."""
        chance = self._chance
        symbol = chance.choice((RB, RB, IF))
        bid, ask, low, high = _PRICES[symbol]
        offset = chance.choices(("OPEN", "CLOSE", "CLOSETODAY"), (60, 35, 5))[0]
        side, volume = chance.choice(("BUY", "SELL")), chance.randint(1, 3)
        rests = chance.random() < 0.2
        price = (low if side == "BUY" else high) if rests else (ask if side == "BUY" else bid)
        order: dict[str, Any] = {"symbol": symbol, "direction": side, "offset": offset, "volume": volume, "limit_price": price}
        order |= {"order_id": order_id, "portfolio_id": PORTFOLIO}
        if chance.random() < 0.08:
            rests = False
            order |= chance.choice(
                (
                    {"limit_price": price + 0.03},
                    {"limit_price": price * 3},
                    {"symbol": "SHFE.xx9999"},
                    {"volume": 0},
                    {"offset": "CLOSE", "volume": 90_000},
                    {"direction": "HOLD"},
                    {"portfolio_id": "another"},
                )
            )
        if chance.random() < 0.02 and self._sent:
            # Another order under an id that was used.
            order["order_id"] = chance.choice(self._sent)["order_id"]
            rests = False
        return order, rests

    async def left(self, *queues: str) -> int:
        """Messages that wait in queues; -1 when the server does not say."""
        try:
            async with self._turn, asyncio.timeout(_ANSWER_S):
                channel = await self._open()
                told = [await channel.queue_declare(queue, passive=True) for queue in queues]
        except Exception:  # noqa: BLE001 - asked again
            self._channel = None
            return -1
        return sum(each.message_count or 0 for each in told)

    async def read_dead_letters(self) -> int:
        """Write down every dead letter there is and take it from its queue."""
        count = 0
        async with self._turn:
            channel = await self._open()
            while True:
                found = await channel.basic_get(DEAD)
                if found.delivery_tag is None or not found.delivery_tag:
                    return count
                headers = {name: str(value) for name, value in (found.header.properties.headers or {}).items()}
                try:
                    body: object = json.loads(found.body)
                except ValueError:
                    body = found.body.decode(errors="replace")
                self._write(event="dead", reason=headers["x-reason"], queue=headers["x-queue"], body=body)
                await channel.basic_ack(found.delivery_tag)
                count += 1

    async def _open(self) -> AbstractChannel:
        if self._channel is None or self._channel.is_closed:
            if self._connection is not None:
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(self._connection.close(), 1.0)
            self._connection = await aiormq.connect(self._url)
            self._channel = await self._connection.channel(publisher_confirms=True)
        return self._channel

    def _write(self, **line: object) -> None:
        self._file.write(json.dumps(line).encode() + b"\n")


def _enveloped(kind: str, payload: dict[str, Any]) -> dict[str, object]:
    return {"type": kind, "request_id": f"r-{payload['order_id']}", "timestamp": "2025-01-06T02:30:00Z", "payload": payload}
