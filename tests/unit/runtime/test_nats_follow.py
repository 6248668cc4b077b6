"""The ordered reader of a stream, against a scripted server that loses deliveries."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import msgspec
import pytest
from tests.patience import PATIENCE_S

from tradepit.runtime.nats_connection import NatsMessage
from tradepit.runtime.nats_follow import StreamFollower
from tradepit.runtime.nats_link import NatsLink
from tradepit.trading.model.errors import Unavailable

Receive = Callable[[NatsMessage], None]


class Subscription:
    async def stop(self) -> None:
        """Nothing to end."""


class Server:
    """Stands in for a link: one stream with messages 1, 2, 3 … and the consumer that was made last."""

    def __init__(self) -> None:
        self.is_up = True
        self.last = 0
        self.created = "monday"
        self.starts: list[int] = []
        self.replies: list[str] = []
        self.listeners: list[Callable[[], None]] = []
        self.deaf = False
        self.failures = 0
        self._receive: Receive | None = None
        self._delivered = 0

    def on_reconnect(self, listener: Callable[[], None]) -> None:
        self.listeners.append(listener)

    def off_reconnect(self, listener: Callable[[], None]) -> None:
        if listener in self.listeners:
            self.listeners.remove(listener)

    async def subscribe(self, subject: str, receive: Receive) -> Subscription:
        self._receive, self._delivered = receive, 0
        return Subscription()

    async def send(self, subject: str, payload: bytes) -> None:
        self.replies.append(subject)

    async def ask(self, subject: str, payload: bytes, *, timeout_s: float, headers: object = None) -> NatsMessage:
        if self.failures:
            self.failures -= 1
            raise Unavailable("not yet")
        answer: dict[str, Any] = {}
        if "STREAM.INFO" in subject:
            state = {"messages": self.last, "first_seq": 1, "last_seq": self.last}
            answer = {"state": state, "created": self.created, "config": {}}
        elif "CONSUMER.INFO" in subject:
            answer = {"num_pending": 0, "delivered": {"stream_seq": self.last}}
        elif "CONSUMER.CREATE" in subject:
            start = msgspec.json.decode(payload)["config"]["opt_start_seq"]
            self.starts.append(start)
            for number in range(start, self.last + 1):
                await self.deliver(number)
        return NatsMessage(data=msgspec.json.encode(answer))

    async def deliver(self, number: int, *, lost: bool = False) -> None:
        self._delivered += 1
        if not lost and self._receive is not None:
            reply = f"$JS.ACK.S.c.1.{number}.{self._delivered}.0.0"
            self._receive(NatsMessage(subject="s", reply=reply, data=b"%d" % number))

    async def publish(self, *, lost: bool = False) -> None:
        self.last += 1
        await self.deliver(self.last, lost=lost)

    async def control(self, **headers: str) -> None:
        assert self._receive is not None
        reply = headers.pop("reply", "")
        self._receive(NatsMessage(subject="i", reply=reply, data=b"", headers={"Status": "100", **headers}))


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def follower(server: Server) -> AsyncIterator[StreamFollower]:
    made = StreamFollower(cast("NatsLink", server), "S", after=0, check_s=0.01)
    await made.start()
    yield made
    await made.stop()


async def take(follower: StreamFollower, count: int) -> list[int]:
    taken = []
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(count):
            item = await follower.next()
            assert item is not None
            taken.append(item.sequence)
    return taken


async def test_messages_come_in_order(server: Server, follower: StreamFollower) -> None:
    for _ in range(3):
        await server.publish()
    assert await take(follower, 3) == [1, 2, 3]
    assert server.starts == [1]


async def test_a_delivery_lost_on_the_way_is_asked_for_again(server: Server, follower: StreamFollower) -> None:
    await server.publish()
    await server.publish(lost=True)
    await server.publish()
    await server.publish()
    assert await take(follower, 4) == [1, 2, 3, 4]
    assert server.starts == [1, 2]


async def test_a_consumer_that_fell_silent_is_rebuilt(server: Server, follower: StreamFollower) -> None:
    await server.publish()
    assert await take(follower, 1) == [1]
    await server.publish(lost=True)
    assert await take(follower, 1) == [2]
    assert follower.rebuilds == 1


async def test_a_reconnect_rebuilds_however_often_that_fails(server: Server, follower: StreamFollower) -> None:
    await server.publish()
    server.failures = 2
    for listener in server.listeners:
        listener()
    server.last += 1
    assert await take(follower, 2) == [1, 2]


async def test_a_stream_made_anew_is_read_from_its_start_even_at_the_same_number(
    server: Server, follower: StreamFollower
) -> None:
    await server.publish()
    assert await take(follower, 1) == [1]
    server.created = "tuesday"
    for listener in server.listeners:
        listener()
    assert await take(follower, 1) == [1]


async def test_numbers_the_stream_dropped_are_jumped_over(server: Server, follower: StreamFollower) -> None:
    await server.publish()
    server.last = 7
    await server.deliver(7)
    assert await take(follower, 2) == [1, 7]
    assert server.starts == [1]


async def test_flow_control_is_answered_after_the_messages_before_it(server: Server, follower: StreamFollower) -> None:
    await server.publish()
    await server.control(reply="flow.1")
    await server.control(**{"Nats-Consumer-Stalled": "flow.2"})
    assert server.replies == []
    assert await take(follower, 1) == [1]
    await server.publish()
    assert await take(follower, 1) == [2]
    assert server.replies == ["flow.1", "flow.2"]


async def test_after_stopping_what_was_received_is_still_given(server: Server, follower: StreamFollower) -> None:
    await server.publish()
    await follower.stop()
    assert await take(follower, 1) == [1]
    assert await follower.next() is None
