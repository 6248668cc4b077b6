"""The promises of the bus, kept by every backend; see ports/bus.py."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from tests.patience import PATIENCE_S
from tests.servers.kafka import KafkaServer
from tests.servers.rabbitmq import RabbitmqServer

from tradepit.backends.bus.colocated import ColocatedBus
from tradepit.backends.bus.kafka import KafkaBus
from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.bus.nats import NatsBus
from tradepit.backends.bus.rabbitmq import RabbitmqBus
from tradepit.ports.bus import Bus, Channel, Delivery, Message, Outgoing
from tradepit.runtime.nats_server import NatsServer
from tradepit.trading.model.errors import ConfigError, InternalError, TimedOut, TradepitError, Unavailable


class World:
    """A bus of one backend with its channels, on which members are connected.

    ``shares_messages``: a group shares single messages, whatever their subject; else it shares subjects.
    """

    def __init__(self, connect: Callable[["World"], Awaitable[Bus]], *, shares_messages: bool = True) -> None:
        self._connect, self.shares_messages = connect, shares_messages
        self.key = secrets.token_hex(4)
        self.events = Channel(name=f"events-{self.key}", subject=f"events.{self.key}.*", durable=True)
        self.work = Channel(name=f"work-{self.key}", subject=f"work.{self.key}.*", delivery=Delivery.COMPETE, durable=True)
        self.ticks = Channel(name=f"ticks-{self.key}", subject=f"ticks.{self.key}.*")
        self.jobs = Channel(name=f"jobs-{self.key}", subject=f"jobs.{self.key}.*", delivery=Delivery.COMPETE)
        self.members: list[Bus] = []

    @property
    def channels(self) -> tuple[Channel, ...]:
        return (self.events, self.work, self.ticks, self.jobs)

    def subject(self, channel: Channel, token: str = "a") -> str:
        return channel.subject.replace("*", token)

    async def join(self) -> Bus:
        bus = await self._connect(self)
        await bus.connect()
        self.members.append(bus)
        return bus


@pytest.fixture(params=["memory", "nats", "colocated", "rabbitmq", "kafka"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "memory":
        hub = MemoryHub()

        async def connect(world: World) -> Bus:
            return MemoryBus(hub, channels=world.channels)
    elif request.param == "rabbitmq":
        rabbit: RabbitmqServer = request.getfixturevalue("rabbitmq_server")

        async def connect(world: World) -> Bus:
            return RabbitmqBus(rabbit.url, name="conformance", channels=world.channels, settle_s=0)
    elif request.param == "kafka":
        kafka: KafkaServer = request.getfixturevalue("kafka_server")

        async def connect(world: World) -> Bus:
            return KafkaBus(kafka.url, name="conformance", channels=world.channels, prefix=f"t{world.key}")
    else:
        server: NatsServer = request.getfixturevalue("nats_server")

        async def connect(world: World) -> Bus:
            bus = NatsBus(server.url, name="conformance", channels=world.channels, ack_wait_s=1.0)
            return ColocatedBus(bus) if request.param == "colocated" else bus

    made = World(connect, shares_messages=request.param != "kafka")
    yield made
    async with AsyncExitStack() as stack:
        for bus in made.members:
            stack.push_async_callback(bus.close)


class Inbox:
    """Collects what a subscription receives."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._changed = asyncio.Condition()

    async def __call__(self, message: Message) -> None:
        async with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]

    async def until(self, count: int) -> list[bytes]:
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: len(self.messages) >= count)
        return self.payloads


def numbers(count: int, start: int = 0) -> list[bytes]:
    return [str(number).encode() for number in range(start, start + count)]


@pytest.mark.parametrize("kind", ["events", "ticks"])
async def test_messages_of_a_publisher_arrive_in_order_at_every_subscriber(world: World, kind: str) -> None:
    channel: Channel = getattr(world, kind)
    publisher, *readers = [await world.join() for _ in range(4)]
    inboxes = [Inbox() for _ in readers]
    for reader, inbox in zip(readers, inboxes, strict=True):
        await reader.subscribe(channel, inbox)
    for payload in numbers(200):
        await publisher.publish(world.subject(channel), payload)
    for inbox in inboxes:
        assert await inbox.until(200) == numbers(200)


async def test_concurrent_publications_keep_the_order_of_the_calls(world: World) -> None:
    bus, inbox = await world.join(), Inbox()
    await bus.subscribe(world.events, inbox)
    await asyncio.gather(*(bus.publish(world.subject(world.events), payload) for payload in numbers(500)))
    assert await inbox.until(500) == numbers(500)


async def test_a_late_joiner_with_replay_gets_the_past_then_the_present_without_gap(world: World) -> None:
    publisher = await world.join()
    for payload in numbers(50):
        await publisher.publish(world.subject(world.events), payload)
    late, inbox = await world.join(), Inbox()
    await late.subscribe(world.events, inbox, replay=True)
    for payload in numbers(50, start=50):
        await publisher.publish(world.subject(world.events), payload)
    assert await inbox.until(100) == numbers(100)
    assert [message.sequence for message in inbox.messages] == list(range(1, 101))


async def test_a_joiner_without_replay_gets_what_comes_after_it_joined(world: World) -> None:
    bus, inbox = await world.join(), Inbox()
    await bus.publish(world.subject(world.events), b"before")
    await bus.subscribe(world.events, inbox)
    await bus.publish(world.subject(world.events), b"after")
    assert await inbox.until(1) == [b"after"]


async def test_a_repeated_message_id_is_kept_once(world: World) -> None:
    bus, inbox = await world.join(), Inbox()
    await bus.subscribe(world.events, inbox, replay=True)
    for _ in range(3):
        await bus.publish(world.subject(world.events), b"once", message_id="fill-1")
    await bus.publish(world.subject(world.events), b"end")
    assert await inbox.until(2) == [b"once", b"end"]


async def test_many_are_published_in_order_and_again_without_doubling(world: World) -> None:
    bus, inbox = await world.join(), Inbox()
    await bus.subscribe(world.events, inbox)
    many = [Outgoing(world.subject(world.events), b"%d" % number, f"{world.key}-{number}") for number in range(100)]
    await bus.publish_all(many[:60])
    await bus.publish_all(many)
    assert await inbox.until(100) == numbers(100)
    loud = Inbox()
    await bus.subscribe(world.ticks, loud)
    await bus.publish_all([Outgoing(world.subject(world.ticks), b"%d" % number) for number in range(3)])
    assert await loud.until(3) == numbers(3)


async def test_the_last_message_kept_can_be_looked_up(world: World) -> None:
    bus, other = await world.join(), await world.join()
    assert await bus.last(world.events) is None
    for number in range(3):
        await bus.publish(world.subject(world.events, f"s{number}"), b"%d" % number)
    found = await other.last(world.events)
    assert found is not None
    assert (found.payload, found.subject, found.sequence) == (b"2", world.subject(world.events, "s2"), 3)
    with pytest.raises(ConfigError):
        await bus.last(world.ticks)


async def test_headers_travel(world: World) -> None:
    bus, inbox = await world.join(), Inbox()
    await bus.subscribe(world.events, inbox)
    await bus.subscribe(world.ticks, inbox)
    await bus.publish(world.subject(world.events), b"1", headers={"Trace": "t-1"})
    await inbox.until(1)
    await bus.publish(world.subject(world.ticks), b"2", headers={"Trace": "t-2"})
    await inbox.until(2)
    for number, channel in ((3, world.events), (4, world.ticks)):
        await bus.publish_all([Outgoing(world.subject(channel), b"%d" % number, "", {"Trace": f"t-{number}"})])
        await inbox.until(number)
    assert [message.headers["Trace"] for message in inbox.messages] == ["t-1", "t-2", "t-3", "t-4"]


@pytest.mark.parametrize("kind", ["events", "ticks"])
async def test_a_handler_that_raises_does_not_end_its_broadcast_subscription(world: World, kind: str) -> None:
    channel: Channel = getattr(world, kind)
    bus, inbox = await world.join(), Inbox()

    async def handler(message: Message) -> None:
        await inbox(message)
        if message.payload == b"0":
            raise ValueError("a bug")

    await bus.subscribe(channel, handler)
    for payload in numbers(3):
        await bus.publish(world.subject(channel), payload)
    assert await inbox.until(3) == numbers(3)


async def test_a_subscriber_hears_only_subjects_of_its_channel(world: World) -> None:
    bus, inbox = await world.join(), Inbox()
    await bus.subscribe(world.ticks, inbox)
    await bus.publish(f"ticks.{world.key}.a.b", b"two tokens")
    await bus.publish(f"ticks.{world.key}", b"none")
    await bus.publish(f"ticks.{world.key}.a", b"one")
    assert await inbox.until(1) == [b"one"]


@pytest.mark.parametrize("kind", ["work", "jobs"])
async def test_each_competed_message_goes_to_one_worker(world: World, kind: str) -> None:
    channel: Channel = getattr(world, kind)
    publisher, *workers = [await world.join() for _ in range(4)]
    together, inboxes = Inbox(), [Inbox() for _ in workers]

    async def work(worker: Bus, inbox: Inbox) -> None:
        async def handler(message: Message) -> None:
            await inbox(message)
            await together(message)

        await worker.subscribe(channel, handler, group="desk", max_in_flight=4)

    for worker, inbox in zip(workers, inboxes, strict=True):
        await work(worker, inbox)
    sent = 0
    async with asyncio.timeout(PATIENCE_S):
        # Where subjects are shared a worker that came first has them all, until the others have joined.
        while sent < 90 or not all(inbox.payloads for inbox in inboxes):
            await publisher.publish(world.subject(channel, f"s{sent % 6}"), b"%d" % sent)
            sent += 1
            if sent >= 90:
                await asyncio.sleep(0.02)
        while set(together.payloads) != set(numbers(sent)):  # noqa: ASYNC110 - any of the workers may get the rest
            await asyncio.sleep(0.01)
    if world.shares_messages:  # a subject that goes to another worker in the middle of its messages may bring some of them again
        assert len(together.payloads) == sent


async def test_every_group_gets_its_own_copy_of_the_work(world: World) -> None:
    bus, one, two = await world.join(), Inbox(), Inbox()
    for payload in numbers(5):
        await bus.publish(world.subject(world.work), payload)
    await bus.subscribe(world.work, one, group="one")
    await bus.subscribe(world.work, two, group="two")
    assert await one.until(5) == numbers(5)
    assert await two.until(5) == numbers(5)


async def test_work_whose_handler_raised_comes_again_marked(world: World) -> None:
    bus, inbox = await world.join(), Inbox()

    async def handler(message: Message) -> None:
        await inbox(message)
        if not message.redelivered:
            raise ValueError("not now")

    await bus.subscribe(world.work, handler, group="desk")
    await bus.publish(world.subject(world.work), b"order")
    assert await inbox.until(2) == [b"order", b"order"]
    assert [message.redelivered for message in inbox.messages] == [False, True]


async def test_no_more_work_is_in_hand_than_asked_for(world: World) -> None:
    bus, release, running, most = await world.join(), asyncio.Event(), 0, 0

    async def handler(_: Message) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            release.set()
        await release.wait()
        await asyncio.sleep(0)
        running -= 1

    subscription = await bus.subscribe(world.work, handler, group="desk", max_in_flight=3)
    for payload in numbers(30):
        await bus.publish(world.subject(world.work), payload)
    async with asyncio.timeout(PATIENCE_S):
        await release.wait()
    await subscription.stop()
    assert most == 3


async def test_a_worker_that_stops_finishes_what_it_has_and_leaves_the_rest(world: World) -> None:
    bus, begun, go, mine, theirs = await world.join(), asyncio.Event(), asyncio.Event(), Inbox(), Inbox()

    async def slow(message: Message) -> None:
        begun.set()
        await go.wait()
        await mine(message)

    subscription = await bus.subscribe(world.work, slow, group="desk")
    for payload in numbers(5):
        await bus.publish(world.subject(world.work), payload)
    async with asyncio.timeout(PATIENCE_S):
        await begun.wait()
    stopping = asyncio.create_task(subscription.stop())
    await asyncio.sleep(0)
    go.set()
    await stopping
    assert mine.payloads == [b"0"]
    await (await world.join()).subscribe(world.work, theirs, group="desk")
    assert await theirs.until(4) == numbers(4, start=1)


async def test_a_new_worker_takes_its_share(world: World) -> None:
    bus, first, second = await world.join(), Inbox(), Inbox()
    held = asyncio.Event()

    async def busy(message: Message) -> None:
        await first(message)
        await held.wait()

    await bus.subscribe(world.work, busy, group="desk", max_in_flight=2)
    for payload in numbers(6):
        await bus.publish(world.subject(world.work, payload.decode()), payload)
    in_hand = await first.until(2)
    await (await world.join()).subscribe(world.work, second, group="desk")
    if world.shares_messages:
        assert sorted(await second.until(4)) == sorted(set(numbers(6)) - set(in_hand))
    await second.until(1)
    held.set()
    async with asyncio.timeout(PATIENCE_S):
        while {*first.payloads, *second.payloads} != set(numbers(6)):  # noqa: ASYNC110 - either may get it
            await asyncio.sleep(0.01)


async def test_a_request_is_answered(world: World) -> None:
    server, client = await world.join(), await world.join()

    async def echo(message: Message) -> bytes:
        return message.subject.encode() + b":" + message.payload

    await server.serve(f"rpc.{world.key}.*", echo)
    assert await client.request(f"rpc.{world.key}.buy", b"10", timeout_s=PATIENCE_S) == f"rpc.{world.key}.buy:10".encode()


async def test_requests_are_served_at_once_and_started_in_order(world: World) -> None:
    server, client, started, all_in = await world.join(), await world.join(), list[bytes](), asyncio.Event()

    async def wait_for_all(message: Message) -> bytes:
        started.append(message.payload)
        if len(started) == 20:
            all_in.set()
        await all_in.wait()
        return message.payload

    await server.serve(f"rpc.{world.key}.slow", wait_for_all)
    asked = [client.request(f"rpc.{world.key}.slow", payload, timeout_s=PATIENCE_S) for payload in numbers(20)]
    assert await asyncio.gather(*asked) == numbers(20)
    assert started == numbers(20)


async def test_a_request_nobody_serves_is_unavailable_not_timed_out(world: World) -> None:
    client = await world.join()
    with pytest.raises(Unavailable) as caught:
        await client.request(f"rpc.{world.key}.nobody", b"", timeout_s=PATIENCE_S)
    assert not isinstance(caught.value, TimedOut)


async def test_a_request_past_its_deadline_times_out_and_its_work_goes_on(world: World) -> None:
    server, client, go, finished = await world.join(), await world.join(), asyncio.Event(), asyncio.Event()

    async def slow(_: Message) -> bytes:
        await go.wait()
        finished.set()
        return b"late"

    await server.serve(f"rpc.{world.key}.slow", slow)
    with pytest.raises(TimedOut):
        await client.request(f"rpc.{world.key}.slow", b"", timeout_s=0.05)
    go.set()
    async with asyncio.timeout(PATIENCE_S):
        await finished.wait()


async def test_a_client_that_goes_away_does_not_cancel_the_work(world: World) -> None:
    server, client, begun, go, finished = (
        await world.join(),
        await world.join(),
        asyncio.Event(),
        asyncio.Event(),
        asyncio.Event(),
    )

    async def slow(_: Message) -> bytes:
        begun.set()
        await go.wait()
        finished.set()
        return b""

    await server.serve(f"rpc.{world.key}.slow", slow)
    asking = asyncio.create_task(client.request(f"rpc.{world.key}.slow", b"", timeout_s=PATIENCE_S))
    async with asyncio.timeout(PATIENCE_S):
        await begun.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        go.set()
        await finished.wait()


async def test_a_responder_that_fails_answers_with_an_error_of_ours(world: World) -> None:
    server, client = await world.join(), await world.join()

    async def broken(_: Message) -> bytes:
        raise KeyError("secret detail")

    await server.serve(f"rpc.{world.key}.broken", broken)
    with pytest.raises(InternalError) as caught:
        await client.request(f"rpc.{world.key}.broken", b"", timeout_s=PATIENCE_S)
    assert "secret" not in str(caught.value)


async def test_a_group_of_responders_shares_the_requests(world: World) -> None:
    client, counts = await world.join(), [0, 0]

    async def responder(index: int) -> None:
        async def answer(_: Message) -> bytes:
            counts[index] += 1
            return b""

        await (await world.join()).serve(f"rpc.{world.key}.shared", answer, group="desk")

    await responder(0)
    await responder(1)
    for _ in range(60):
        await client.request(f"rpc.{world.key}.shared", b"", timeout_s=PATIENCE_S)
    assert sum(counts) == 60
    assert all(counts)


async def test_after_a_responder_stopped_nobody_answers(world: World) -> None:
    server, client = await world.join(), await world.join()

    async def echo(message: Message) -> bytes:
        return message.payload

    serving = await server.serve(f"rpc.{world.key}.gone", echo)
    assert await client.request(f"rpc.{world.key}.gone", b"x", timeout_s=PATIENCE_S) == b"x"
    await serving.stop()
    await serving.stop()
    with pytest.raises(Unavailable):
        await client.request(f"rpc.{world.key}.gone", b"x", timeout_s=5)


async def test_closing_finishes_what_was_received(world: World) -> None:
    server, client, begun, go = await world.join(), await world.join(), asyncio.Event(), asyncio.Event()

    async def slow(_: Message) -> bytes:
        begun.set()
        await go.wait()
        return b"done"

    await server.serve(f"rpc.{world.key}.slow", slow)
    asking = asyncio.create_task(client.request(f"rpc.{world.key}.slow", b"", timeout_s=PATIENCE_S))
    async with asyncio.timeout(PATIENCE_S):
        await begun.wait()
    closing = asyncio.create_task(server.close())
    await asyncio.sleep(0)
    go.set()
    await closing
    assert await asking == b"done"


async def test_closing_is_idempotent_and_ends_the_bus(world: World) -> None:
    bus = await world.join()
    await bus.connect()
    await bus.close()
    await bus.close()
    with pytest.raises(TradepitError):
        await bus.publish(world.subject(world.ticks), b"")
