"""Channels bound to an outside contract's exchange, queue and routing key, seen by a client that knows nothing of us."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import aiormq
import pytest
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel as AmqpChannel
from pamqp.commands import Basic
from tests.bad_messages import UNREADABLE, RawProperties
from tests.patience import PATIENCE_S
from tests.servers.rabbitmq import RabbitmqServer

from tradepit.backends.bus.rabbitmq import RabbitmqBus
from tradepit.ports.bus import Channel, Delivery, Message
from tradepit.ports.bus_route import Route
from tradepit.trading.model.errors import BadRequest, ConfigError, Unavailable

SUBMIT = Channel(name="tq.submit", subject="tq.submit", delivery=Delivery.COMPETE, durable=True)
UPDATES = Channel(name="tq.updates", subject="tq.updates", delivery=Delivery.COMPETE, durable=True)


class Contract:
    """One case's own exchange and queues, our bus on them, and an engine outside."""

    def __init__(self, url: str, engine: AmqpChannel) -> None:
        self.key, self.engine, self._url = secrets.token_hex(4), engine, url
        self.routes = {
            SUBMIT.name: Route(
                exchange=f"tq_ws_api_request_exchange_{self.key}",
                queue=f"tq_order_requests_{self.key}",
                routing_key="PortfolioId_1234567890",
                dead_letter=f"tq_order_requests_{self.key}.dead",
                max_deliveries=2,
            ),
            UPDATES.name: Route(exchange=f"tq_internal_exchange_{self.key}", queue=f"tq_updates_{self.key}", routing_key="order"),
        }
        self.submit = self.routes[SUBMIT.name]
        self.members: list[RabbitmqBus] = []

    async def join(self) -> RabbitmqBus:
        bus = RabbitmqBus(self._url, name="routes", channels=(SUBMIT, UPDATES), routes=self.routes, settle_s=0)
        await bus.connect()
        self.members.append(bus)
        return bus

    async def send(self, body: bytes) -> None:
        """As the engine does: no message id, no headers."""
        await self.engine.basic_publish(
            body,
            exchange=self.submit.exchange,
            routing_key=self.submit.routing_key,
            properties=Basic.Properties(delivery_mode=2, content_type="application/json"),
            mandatory=True,
        )

    async def receive(self, queue: str) -> DeliveredMessage:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = await self.engine.basic_get(queue, no_ack=True)
                if not isinstance(found.delivery, Basic.GetEmpty):
                    return found
                await asyncio.sleep(0.01)


@pytest.fixture
async def contract(rabbitmq_server: RabbitmqServer) -> AsyncIterator[Contract]:
    connection = await aiormq.connect(rabbitmq_server.url)
    channel = await connection.channel()
    assert isinstance(channel, AmqpChannel)
    made = Contract(rabbitmq_server.url, channel)
    yield made
    for bus in made.members:
        await bus.close()
    await connection.close()


async def test_what_the_engine_publishes_reaches_the_handler_as_the_channels_subject(contract: Contract) -> None:
    bus, got = await contract.join(), asyncio.Queue[Message]()
    await bus.subscribe(SUBMIT, got.put)
    await contract.send(b'{"symbol": "SHFE.rb2505"}')
    async with asyncio.timeout(PATIENCE_S):
        message = await got.get()
    assert (message.subject, message.payload, message.redelivered) == ("tq.submit", b'{"symbol": "SHFE.rb2505"}', False)


async def test_work_waits_in_the_queue_while_nobody_consumes(contract: Contract) -> None:
    first = await contract.join()
    await first.close()
    await contract.send(b"early")
    bus, got = await contract.join(), asyncio.Queue[Message]()
    await bus.subscribe(SUBMIT, got.put)
    async with asyncio.timeout(PATIENCE_S):
        assert (await got.get()).payload == b"early"


async def test_what_we_publish_is_byte_for_byte_in_the_contracts_queue_and_persistent(contract: Contract) -> None:
    bus = await contract.join()
    await bus.publish("tq.updates", b'{"type": "ORDER_UPDATE"}', message_id="u-1")
    await bus.publish("tq.updates", b'{"type": "ORDER_UPDATE"}', message_id="u-1")
    await bus.publish("tq.updates", b"next")
    found = await contract.receive(contract.routes[UPDATES.name].queue)
    assert (found.body, found.header.properties.message_id, found.header.properties.delivery_mode) == (
        b'{"type": "ORDER_UPDATE"}',
        "u-1",
        2,
    )
    assert (await contract.receive(contract.routes[UPDATES.name].queue)).body == b"next"


async def test_queues_the_engine_declared_its_own_way_are_taken_as_they_are(contract: Contract) -> None:
    await contract.engine.exchange_declare(contract.submit.exchange, exchange_type="topic", durable=True)
    await contract.engine.queue_declare(contract.submit.queue, durable=True, arguments={"x-max-priority": 5})
    bus, got = await contract.join(), asyncio.Queue[Message]()
    await bus.subscribe(SUBMIT, got.put)
    await contract.send(b"order")
    async with asyncio.timeout(PATIENCE_S):
        assert (await got.get()).payload == b"order"


async def test_a_refused_message_goes_to_the_dead_letters_with_its_reason_and_work_goes_on(contract: Contract) -> None:
    bus, got = await contract.join(), asyncio.Queue[bytes]()

    async def handler(message: Message) -> None:
        if message.payload == b"{":
            raise BadRequest("not JSON")
        await got.put(message.payload)

    await bus.subscribe(SUBMIT, handler)
    await contract.send(b"{")
    await contract.send(b"good")
    async with asyncio.timeout(PATIENCE_S):
        assert await got.get() == b"good"
    dead = await contract.receive(contract.submit.dead_letter)
    headers = dead.header.properties.headers or {}
    assert (dead.body, headers["x-reason-code"], headers["x-failures"]) == (b"{", "INVALID_REQUEST", "1")
    assert "not JSON" in str(headers["x-reason"])
    assert dead.header.properties.content_type == "application/json"


async def test_a_message_that_breaks_its_handler_is_buried_after_its_deliveries_but_not_while_something_is_away(
    contract: Contract,
) -> None:
    bus, calls = await contract.join(), dict[bytes, int]()

    async def handler(message: Message) -> None:
        calls[message.payload] = calls.get(message.payload, 0) + 1
        if message.payload == b"poison":
            raise KeyError("secret detail")
        if calls[message.payload] < 4:
            raise Unavailable("the database is away")

    await bus.subscribe(SUBMIT, handler)
    await contract.send(b"patient")
    await contract.send(b"poison")
    dead = await contract.receive(contract.submit.dead_letter)
    assert (dead.body, calls) == (b"poison", {b"patient": 4, b"poison": 2})
    headers = dead.header.properties.headers or {}
    assert (headers["x-reason-code"], headers["x-reason"]) == ("INTERNAL_ERROR", "KeyError")


@pytest.mark.parametrize(("flags", "data"), UNREADABLE)
async def test_a_message_whose_properties_cannot_be_read_comes_without_them(contract: Contract, flags: int, data: bytes) -> None:
    bus, heard = await contract.join(), asyncio.Queue[bytes]()

    async def handler(message: Message) -> None:
        assert message.headers == {}
        heard.put_nowait(message.payload)

    await bus.subscribe(SUBMIT, handler, group="one")
    for body in (b"", b"one", b"x" * 300_000):
        await contract.engine.basic_publish(
            body,
            exchange=contract.submit.exchange,
            routing_key=contract.submit.routing_key,
            properties=RawProperties(flags, data),
            mandatory=True,
        )
    await contract.send(b"last")
    async with asyncio.timeout(PATIENCE_S):
        assert [await heard.get() for _ in range(4)] == [b"", b"one", b"x" * 300_000, b"last"]
    assert bus.reconnects == 0


async def test_unacknowledged_work_is_bounded_and_begun_in_order_as_hands_are_free(contract: Contract) -> None:
    bus, hold, begun = await contract.join(), asyncio.Event(), asyncio.Queue[bytes]()

    async def handler(message: Message) -> None:
        await begun.put(message.payload)
        await hold.wait()

    await bus.subscribe(SUBMIT, handler, max_in_flight=2)
    for number in range(25):
        await contract.send(b"%d" % number)
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert [await begun.get(), await begun.get()] == [b"0", b"1"]
        told = await contract.engine.queue_declare(contract.submit.queue, passive=True)
        assert (told.message_count, begun.empty()) == (25 - 2 - 16, True), "two in hand, sixteen ready behind them"
    finally:
        hold.set()
    async with asyncio.timeout(PATIENCE_S):
        assert [await begun.get() for _ in range(23)] == [b"%d" % number for number in range(2, 25)]


async def test_routes_are_for_competed_channels_of_one_subject(contract: Contract) -> None:
    everybody = Channel(name="tq.submit", subject="tq.submit", durable=True)
    for channel in (everybody, Channel(name="tq.submit", subject="tq.*", delivery=Delivery.COMPETE, durable=True)):
        with pytest.raises(ConfigError):
            RabbitmqBus("amqp://127.0.0.1/", name="wrong", channels=[channel], routes=contract.routes)
    bus = await contract.join()
    with pytest.raises(ConfigError):
        await bus.last(SUBMIT)
