"""Groups, batches and repetitions of the acknowledged publisher, against a scripted server."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import cast

import pytest
from tests.patience import PATIENCE_S

from tradepit.runtime.nats_connection import NatsMessage
from tradepit.runtime.nats_link import NatsLink
from tradepit.runtime.nats_publisher import OrderedPublisher
from tradepit.trading.model.errors import PayloadTooLarge, TimedOut, Unavailable

KEPT = b'{"stream":"S","seq":1}'


class Server:
    """Stands in for a link to a stream: keeps payloads in order, one per id, and fails as told."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.ids: set[str] = set()
        self.asked = 0
        self.batches = 0
        self.failures: list[Exception | bytes] = []
        self.up = True
        self._batch: list[tuple[str, bytes]] = []

    def _keep(self, message_id: str, payload: bytes) -> None:
        if message_id not in self.ids:
            self.ids.add(message_id)
            self.kept.append(payload)

    async def wait_up(self, timeout_s: float) -> bool:
        await asyncio.sleep(0)
        return self.up

    async def send(self, subject: str, payload: bytes, *, headers: Mapping[str, str]) -> None:
        if not self.up:
            raise Unavailable
        self._batch.append((headers["Nats-Msg-Id"], payload))

    def begin(
        self, subject: str, payload: bytes, *, timeout_s: float, headers: Mapping[str, str]
    ) -> "asyncio.Future[NatsMessage]":
        if not self.up:
            raise Unavailable
        self.asked += 1
        answer: asyncio.Future[NatsMessage] = asyncio.get_running_loop().create_future()
        failure = self.failures.pop(0) if self.failures else KEPT
        if "Nats-Batch-Commit" in headers:
            batch, self._batch = [*self._batch, (headers["Nats-Msg-Id"], payload)], []
            if any(message_id in self.ids for message_id, _ in batch):
                failure = b'{"error":{"code":400,"err_code":10201,"description":"duplicate"}}'
            if failure == KEPT:
                self.batches += 1
                for message_id, each in batch:
                    self._keep(message_id, each)
        elif failure == KEPT or isinstance(failure, TimedOut):  # a lost answer: it was kept all the same
            self._keep(headers["Nats-Msg-Id"], payload)
        if isinstance(failure, bytes):
            answer.set_result(NatsMessage(data=failure))
        else:
            answer.set_exception(failure)
        return answer

    async def ask(self, subject: str, payload: bytes, *, timeout_s: float, headers: Mapping[str, str]) -> NatsMessage:
        return await self.begin(subject, payload, timeout_s=timeout_s, headers=headers)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def publisher(server: Server) -> AsyncIterator[OrderedPublisher]:
    made = OrderedPublisher(cast("NatsLink", server), timeout_s=PATIENCE_S)
    made.start()
    yield made
    async with asyncio.timeout(PATIENCE_S):
        await made.stop()


async def publish(publisher: OrderedPublisher, count: int) -> list[bytes]:
    payloads = [b"%d" % number for number in range(count)]
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(publisher.publish("s", payload, message_id="", headers=None) for payload in payloads))
    return payloads


async def test_many_waiting_publications_go_as_batches_in_order(server: Server, publisher: OrderedPublisher) -> None:
    assert await publish(publisher, 1200) == server.kept
    assert server.batches >= 3


async def test_few_waiting_publications_go_singly(server: Server, publisher: OrderedPublisher) -> None:
    assert await publish(publisher, 20) == server.kept
    assert server.batches == 0


async def test_a_group_with_a_lost_answer_is_repeated_and_kept_once(server: Server, publisher: OrderedPublisher) -> None:
    server.failures = [KEPT, TimedOut(), KEPT]
    assert await publish(publisher, 10) == server.kept


async def test_a_refused_batch_is_repeated_one_by_one(server: Server, publisher: OrderedPublisher) -> None:
    await publisher.publish("s", b"known", message_id="id-5", headers=None)
    payloads = [b"%d" % number for number in range(100)]
    publishing = (publisher.publish("s", each, message_id=f"id-{each.decode()}", headers=None) for each in payloads)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*publishing)
    assert server.kept == [b"known", *(each for each in payloads if each != b"5")]


async def test_a_stream_made_without_batches_is_served_without_them(server: Server, publisher: OrderedPublisher) -> None:
    server.failures = [b'{"error":{"code":400,"err_code":10174,"description":"batch publish is disabled"}}']
    assert await publish(publisher, 100) == server.kept
    assert await publish(publisher, 100) == server.kept[100:]
    assert server.batches == 0


async def test_without_a_server_it_waits_and_then_sends_in_order(server: Server, publisher: OrderedPublisher) -> None:
    server.up = False
    publishing = asyncio.create_task(publish(publisher, 50))
    await asyncio.sleep(0)
    server.up = True
    assert await publishing == server.kept


async def test_a_message_that_is_too_large_fails_alone(server: Server, publisher: OrderedPublisher) -> None:
    too_large = b'{"error":{"code":400,"err_code":10054,"description":"message size exceeds maximum allowed"}}'
    server.failures = [KEPT, too_large, KEPT, too_large]
    results = await asyncio.gather(
        *(publisher.publish("s", b"%d" % number, message_id="", headers=None) for number in range(3)), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), PayloadTooLarge, type(None)]
