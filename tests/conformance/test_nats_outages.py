"""What the NATS backends promise while their server, a worker or a connection dies: nothing lost, nobody deaf."""

import asyncio
import json
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from tests.bus_outages import CHANNELS, EVENTS, TICKS, WORK, Collected
from tests.patience import PATIENCE_S, at_last

from tradepit.backends.bus.nats import NatsBus
from tradepit.backends.cache.nats import NatsCache
from tradepit.backends.journal.jetstream import JetstreamJournal
from tradepit.backends.lease.nats import NatsLease
from tradepit.ports.bus import Message
from tradepit.runtime.nats_link import NatsLink
from tradepit.runtime.nats_server import NatsServer
from tradepit.trading.model.errors import StaleEpoch, TimedOut, Unavailable


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def join(
    stack: AsyncExitStack, server: NatsServer, *, ack_wait_s: float = 1.0, publish_timeout_s: float = PATIENCE_S
) -> NatsBus:
    bus = NatsBus(server.url, name="outage", channels=CHANNELS, ack_wait_s=ack_wait_s, publish_timeout_s=publish_timeout_s)
    await bus.connect()
    stack.push_async_callback(bus.close)
    return bus


def numbers(count: int, start: int = 0) -> list[bytes]:
    return [str(number).encode() for number in range(start, start + count)]


async def restart(server: NatsServer) -> None:
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)


async def test_a_broadcast_subscriber_misses_nothing_when_the_server_is_killed(
    own_nats_server: NatsServer, stack: AsyncExitStack
) -> None:
    publisher, reader = await join(stack, own_nats_server), await join(stack, own_nats_server)
    inbox = Collected(PATIENCE_S)
    await reader.subscribe(EVENTS, inbox, replay=True)
    done = 0
    for _ in range(3):
        for payload in numbers(20, done):
            await publisher.publish("trades.executed", payload)
        done += 20
        await restart(own_nats_server)
    for payload in numbers(20, done):
        await publisher.publish("trades.executed", payload)
    assert await inbox.until(done + 20) == numbers(done + 20)


async def test_publications_under_way_while_the_server_is_killed_are_kept_once_in_order(
    own_nats_server: NatsServer, stack: AsyncExitStack
) -> None:
    publisher, reader = await join(stack, own_nats_server), await join(stack, own_nats_server)
    inbox = Collected(PATIENCE_S)
    await reader.subscribe(EVENTS, inbox, replay=True)
    publishing = [asyncio.create_task(publisher.publish("trades.executed", payload)) for payload in numbers(2000)]
    await inbox.until(100)
    await restart(own_nats_server)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*publishing)
    assert await inbox.until(2000) == numbers(2000)


async def test_publishing_waits_for_the_server_to_come_back(own_nats_server: NatsServer, stack: AsyncExitStack) -> None:
    publisher = await join(stack, own_nats_server)
    await asyncio.to_thread(own_nats_server.kill)
    publishing = [asyncio.create_task(publisher.publish("trades.executed", payload)) for payload in numbers(10)]
    await publisher.publish("market.tick.IF2501", b"dropped")  # best effort: neither blocks nor raises
    await asyncio.to_thread(own_nats_server.start)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*publishing)
    inbox = Collected(PATIENCE_S)
    await publisher.subscribe(EVENTS, inbox, replay=True)
    assert await inbox.until(10) == numbers(10)


async def test_publishing_to_a_server_that_stays_away_is_unavailable(own_nats_server: NatsServer, stack: AsyncExitStack) -> None:
    publisher = await join(stack, own_nats_server, publish_timeout_s=0.3)
    await asyncio.to_thread(own_nats_server.kill)
    with pytest.raises(Unavailable):
        await publisher.publish("trades.executed", b"x")
    with pytest.raises(Unavailable):
        await publisher.request("rpc.anybody.anything", b"", timeout_s=0.3)


async def test_connecting_to_no_server_is_unavailable() -> None:
    link = NatsLink("nats://127.0.0.1:9", name="nobody")
    with pytest.raises(Unavailable):
        await link.connect(timeout_s=0.2)


async def test_core_subscribers_and_responders_hear_again_after_a_kill(
    own_nats_server: NatsServer, stack: AsyncExitStack
) -> None:
    one, two = await join(stack, own_nats_server), await join(stack, own_nats_server)
    inbox = Collected(PATIENCE_S)
    await one.subscribe(TICKS, inbox)

    async def echo(message: Message) -> bytes:
        return message.payload

    await one.serve("rpc.order-management.*", echo)
    await restart(own_nats_server)

    async def heard() -> bool:
        await two.publish("market.tick.IF2501", b"tick")
        try:
            return await two.request("rpc.order-management.buy", b"10", timeout_s=0.5) == b"10" and bool(inbox.payloads)
        except Unavailable:
            return False

    async with asyncio.timeout(PATIENCE_S):
        while not await heard():  # noqa: ASYNC110 - both sides must have reconnected, which nothing announces
            await asyncio.sleep(0.02)


async def test_work_goes_on_after_a_kill_and_none_is_lost(own_nats_server: NatsServer, stack: AsyncExitStack) -> None:
    publisher = await join(stack, own_nats_server)
    inbox = Collected(PATIENCE_S)
    for _ in range(2):
        await (await join(stack, own_nats_server)).subscribe(WORK, inbox, group="desk", max_in_flight=3)
    done = 0
    for _ in range(2):
        for payload in numbers(30, done):
            await publisher.publish("orders.algo.twap", payload)
        done += 30
        await restart(own_nats_server)
    for payload in numbers(30, done):
        await publisher.publish("orders.algo.twap", payload)
    assert set(await inbox.until(done + 30)) == set(numbers(done + 30))


async def test_nobody_stays_deaf_when_the_server_lost_its_store(own_nats_server: NatsServer, stack: AsyncExitStack) -> None:
    bus, events, work = await join(stack, own_nats_server), Collected(PATIENCE_S), Collected(PATIENCE_S)
    await bus.subscribe(EVENTS, events, replay=True)
    await bus.subscribe(WORK, work, group="desk")
    await bus.publish("trades.executed", b"before")
    await bus.publish("orders.algo.twap", b"before")
    await events.until(1)
    await work.until(1)
    await asyncio.to_thread(own_nats_server.kill)
    await asyncio.to_thread(shutil.rmtree, own_nats_server.config_path.parent / "jetstream")
    await asyncio.to_thread(own_nats_server.start)
    await bus.publish("trades.executed", b"after")  # the new stream's number 1, as the lost one was
    await bus.publish("orders.algo.twap", b"after")
    assert await events.until(2) == [b"before", b"after"]
    assert await work.until(2) == [b"before", b"after"]


async def test_a_frozen_server_is_noticed_and_nothing_is_lost(own_nats_server: NatsServer, stack: AsyncExitStack) -> None:
    bus, inbox = await join(stack, own_nats_server), Collected(PATIENCE_S)
    await bus.subscribe(EVENTS, inbox)
    await bus.publish("trades.executed", b"0")
    own_nats_server.pause()
    publishing = asyncio.create_task(bus.publish("trades.executed", b"1"))
    with pytest.raises(TimedOut):
        await bus.request("rpc.anybody.anything", b"", timeout_s=0.2)
    own_nats_server.resume()
    async with asyncio.timeout(PATIENCE_S):
        await publishing
    assert await inbox.until(2) == [b"0", b"1"]


async def test_a_consumer_that_vanished_is_rebuilt(own_nats_server: NatsServer, stack: AsyncExitStack) -> None:
    bus, inbox = await join(stack, own_nats_server), Collected(PATIENCE_S)
    await bus.subscribe(EVENTS, inbox)
    await bus.publish("trades.executed", b"0")
    await inbox.until(1)
    link = NatsLink(own_nats_server.url, name="saboteur")
    await link.connect()
    stack.push_async_callback(link.close)
    names = await link.ask("$JS.API.CONSUMER.NAMES.TP_trades_executed", b"", timeout_s=PATIENCE_S)
    (name,) = json.loads(names.data)["consumers"]
    await link.ask(f"$JS.API.CONSUMER.DELETE.TP_trades_executed.{name}", b"", timeout_s=PATIENCE_S)
    await bus.publish("trades.executed", b"1")
    assert await inbox.until(2) == [b"0", b"1"]


async def test_outsiders_with_core_nats_see_durable_messages_and_are_heard(
    own_nats_server: NatsServer, stack: AsyncExitStack
) -> None:
    bus, inside, outside = await join(stack, own_nats_server), Collected(PATIENCE_S), asyncio.Event()
    outsider = NatsLink(own_nats_server.url, name="outsider")
    await outsider.connect()
    stack.push_async_callback(outsider.close)
    seen = []

    def receive(message: object) -> None:
        seen.append(message)
        if len(seen) == 2:
            outside.set()

    await outsider.subscribe("trades.executed", receive)
    await bus.subscribe(EVENTS, inside)
    await bus.publish("trades.executed", b"from inside")
    await outsider.send("trades.executed", b"from outside")
    assert await inside.until(2) == [b"from inside", b"from outside"]
    async with asyncio.timeout(PATIENCE_S):
        await outside.wait()


async def test_work_of_a_killed_worker_process_goes_to_another(own_nats_server: NatsServer, stack: AsyncExitStack) -> None:
    program = f"""
import asyncio
from tradepit.backends.bus.nats import NatsBus
from tradepit.ports.bus import Channel, Delivery
WORK = Channel(name="orders.algo", subject="orders.algo.*", delivery=Delivery.COMPETE, durable=True)
async def handler(message):
    print("begun", flush=True)
    await asyncio.Event().wait()
async def main():
    bus = NatsBus({own_nats_server.url!r}, name="doomed", channels=[WORK], ack_wait_s=1.0)
    await bus.connect()
    await bus.subscribe(WORK, handler, group="desk")
    await asyncio.Event().wait()
asyncio.run(main())
"""
    bus, inbox, redelivered = await join(stack, own_nats_server), Collected(PATIENCE_S), []
    await bus.publish("orders.algo.twap", b"slice")
    doomed = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert doomed.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        assert await doomed.stdout.readline() == b"begun\n"
    doomed.send_signal(signal.SIGKILL)
    await doomed.wait()

    async def handler(message: Message) -> None:
        redelivered.append(message.redelivered)
        await inbox(message)

    await bus.subscribe(WORK, handler, group="desk")
    assert await inbox.until(1) == [b"slice"]
    assert redelivered == [True]


async def test_a_handler_longer_than_the_patience_of_the_server_is_not_doubled(
    own_nats_server: NatsServer, stack: AsyncExitStack
) -> None:
    # That it works on is told by a process that gets its turn. On a machine that keeps it waiting for longer than the server is
    # patient, the server rightly gives the work to another: then the same is asked with more patience.
    for number, ack_wait_s in enumerate((0.3, 1.0, 3.0, 10.0)):
        await _work_longer(stack, own_nats_server, ack_wait_s, inbox := Collected(PATIENCE_S), numbers(3, 3 * number))
        if sorted(inbox.payloads) == numbers(3, 3 * number):
            return
    raise AssertionError(f"work was doubled: {inbox.payloads}")


async def _work_longer(
    stack: AsyncExitStack, server: NatsServer, ack_wait_s: float, inbox: Collected, payloads: list[bytes]
) -> None:
    """Two workers of a group of its own, whose handlers take three times the server's patience."""
    workers = [await join(stack, server, ack_wait_s=ack_wait_s) for _ in range(2)]

    async def slow(message: Message) -> None:
        if message.payload in payloads:
            await inbox(message)
            await asyncio.sleep(3.3 * ack_wait_s)

    for worker in workers:
        await worker.subscribe(WORK, slow, group=f"desk-{payloads[0].decode()}")
    await workers[0].publish("orders.algo.twap", payloads[0])
    await inbox.until(1)
    for payload in payloads[1:]:
        await workers[0].publish("orders.algo.twap", payload)
    await inbox.until(3)
    for worker in workers:
        await worker.close()


async def test_the_journal_goes_on_after_a_kill_and_its_followers_skip_nothing(
    own_nats_server: NatsServer, stack: AsyncExitStack
) -> None:
    writer, reader = [JetstreamJournal(own_nats_server.url, "OMS", timeout_s=0.5) for _ in range(2)]
    for journal in (writer, reader):
        await at_last(journal.open)
        stack.push_async_callback(journal.close)
    got: list[int] = []

    async def follow() -> None:
        async for entry in reader.follow():
            got.append(entry.sequence)
            if entry.sequence == 30:
                return

    following = asyncio.create_task(follow())
    for number in range(30):
        if number in {10, 20}:
            await restart(own_nats_server)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    assert await writer.append([b"entry"], expected=number, epoch=1) == number + 1
                    break
                except Unavailable:
                    await asyncio.sleep(0.02)
    async with asyncio.timeout(PATIENCE_S):
        await following
    assert got == list(range(1, 31))


async def test_an_append_without_answer_may_be_tried_again(own_nats_server: NatsServer, stack: AsyncExitStack) -> None:
    writer, other = [JetstreamJournal(own_nats_server.url, "OMS", timeout_s=patience_s) for patience_s in (0.2, PATIENCE_S)]
    for journal in (writer, other):
        await at_last(journal.open)
        stack.push_async_callback(journal.close)
    own_nats_server.pause()
    with pytest.raises(Unavailable):
        await writer.append([b"a"], expected=0, epoch=1)
    own_nats_server.resume()  # the append was on its way: the server takes it now
    async with asyncio.timeout(PATIENCE_S):
        while (await other.last())[0] != 1:  # noqa: ASYNC110 - waits for the server to work off its socket
            await asyncio.sleep(0.01)
    assert await at_last(lambda: writer.append([b"a"], expected=0, epoch=1)) == 1
    assert await other.append([b"b"], expected=1, epoch=2) == 2
    with pytest.raises(StaleEpoch):
        await at_last(lambda: writer.append([b"c"], expected=1, epoch=1))


async def test_lease_and_cache_survive_a_kill_of_the_server(own_nats_server: NatsServer, stack: AsyncExitStack) -> None:
    lease, cache = NatsLease(own_nats_server.url, "oms"), NatsCache(own_nats_server.url, storage="file")
    await lease.connect()
    stack.push_async_callback(lease.close)
    await cache.connect()
    stack.push_async_callback(cache.close)
    grant = await lease.acquire("one", seen=None)
    assert grant is not None
    await cache.put("k", b"v", ttl_s=60)
    await asyncio.to_thread(own_nats_server.kill)
    with pytest.raises(Unavailable):
        await lease.refresh(grant)
    await asyncio.to_thread(own_nats_server.start)
    refreshed = None
    async with asyncio.timeout(PATIENCE_S):
        while refreshed is None:
            try:
                refreshed = await lease.refresh(grant)
            except Unavailable:
                await asyncio.sleep(0.02)
    assert refreshed.epoch == grant.epoch
    assert await cache.get("k") == b"v"


async def test_work_goes_on_when_its_shared_consumer_vanished(own_nats_server: NatsServer, stack: AsyncExitStack) -> None:
    bus, inbox = await join(stack, own_nats_server), Collected(PATIENCE_S)
    await bus.subscribe(WORK, inbox, group="desk")
    await bus.publish("orders.algo.twap", b"0")
    await inbox.until(1)
    link = NatsLink(own_nats_server.url, name="saboteur")
    await link.connect()
    stack.push_async_callback(link.close)
    await link.ask("$JS.API.CONSUMER.DELETE.TP_orders_algo.desk", b"", timeout_s=PATIENCE_S)
    await bus.publish("orders.algo.twap", b"1")
    assert set(await inbox.until(2)) == {b"0", b"1"}


async def test_what_a_killed_worker_of_many_hands_held_comes_before_newer_work(
    own_nats_server: NatsServer, stack: AsyncExitStack
) -> None:
    publisher, dying = await join(stack, own_nats_server), await join(stack, own_nats_server)
    held, over = Collected(PATIENCE_S), asyncio.Event()
    stack.callback(over.set)

    async def hold(message: Message) -> None:
        await held(message)
        await over.wait()

    await dying.subscribe(WORK, hold, group="lanes", max_in_flight=4)
    for payload in numbers(6):
        await publisher.publish("orders.algo.twap", payload)
    await held.until(4)
    # As kill -9 does: the connection is gone, nothing was given back.
    await dying._link.close()
    for payload in numbers(4, 6):
        await publisher.publish("orders.algo.twap", payload)
    inbox, alive = Collected(PATIENCE_S), await join(stack, own_nats_server)
    await alive.subscribe(WORK, inbox, group="lanes", max_in_flight=4)
    assert await inbox.until(10) == numbers(10)
