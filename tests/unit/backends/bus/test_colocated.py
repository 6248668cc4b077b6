"""The colocated bus: what is served in the process is answered in it, everything else goes over the inner bus."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tradepit.backends.bus.colocated import ColocatedBus
from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Channel, Message
from tradepit.trading.model.errors import InternalError, TimedOut, Unavailable

TICKS = Channel(name="ticks", subject="ticks.*")


class Counted(MemoryBus):
    """A bus that counts the requests that come to it."""

    asked = 0

    async def request(self, subject: str, payload: bytes, *, timeout_s: float) -> bytes:
        self.asked += 1
        return await super().request(subject, payload, timeout_s=timeout_s)


class Process:
    """A process with services, and another one outside, on one network."""

    def __init__(self) -> None:
        hub = MemoryHub()
        self.inner, self.outside = Counted(hub), MemoryBus(hub)
        self.bus = ColocatedBus(self.inner)


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    made = Process()
    await made.bus.connect()
    await made.outside.connect()
    yield made
    await made.bus.close()
    await made.outside.close()


async def echo(message: Message) -> bytes:
    return message.subject.encode() + b":" + message.payload


@pytest.mark.parametrize("subject", ["rpc.desk.buy", "rpc.desk.*", "rpc.>"])
async def test_a_request_served_here_does_not_leave_the_process(process: Process, subject: str) -> None:
    await process.bus.serve(subject, echo, group="desk")
    assert await process.bus.request("rpc.desk.buy", b"1", timeout_s=60) == b"rpc.desk.buy:1"
    assert process.inner.asked == 0


async def test_others_reach_a_responder_of_this_process(process: Process) -> None:
    await process.bus.serve("rpc.desk.*", echo)
    assert await process.outside.request("rpc.desk.buy", b"1", timeout_s=60) == b"rpc.desk.buy:1"


async def test_a_request_served_elsewhere_goes_over_the_inner_bus(process: Process) -> None:
    await process.bus.serve("rpc.desk.buy", echo)
    await process.outside.serve("rpc.far.*", echo)
    assert await process.bus.request("rpc.far.buy", b"2", timeout_s=60) == b"rpc.far.buy:2"
    assert process.inner.asked == 1
    with pytest.raises(Unavailable):
        await process.bus.request("rpc.desk.sell", b"", timeout_s=60)


async def test_a_responder_that_stopped_here_is_gone_everywhere(process: Process) -> None:
    serving = await process.bus.serve("rpc.desk.buy", echo)
    await serving.stop()
    await serving.stop()
    for bus in (process.bus, process.outside):
        with pytest.raises(Unavailable):
            await bus.request("rpc.desk.buy", b"", timeout_s=60)


async def test_stopping_takes_nothing_new_and_finishes_what_is_in_hand(process: Process) -> None:
    go = asyncio.Event()

    async def slow(message: Message) -> bytes:
        await go.wait()
        return message.payload

    serving = await process.bus.serve("rpc.desk.slow", slow)
    asked = asyncio.create_task(process.bus.request("rpc.desk.slow", b"3", timeout_s=60))
    await asyncio.sleep(0)
    stopping = asyncio.create_task(serving.stop())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await process.bus.request("rpc.desk.slow", b"4", timeout_s=0.1)
    assert not stopping.done()
    go.set()
    assert await asked == b"3"
    await stopping


async def test_an_answer_that_does_not_come_times_out_and_the_work_goes_on(process: Process) -> None:
    go, done = asyncio.Event(), asyncio.Event()

    async def slow(message: Message) -> bytes:
        await go.wait()
        done.set()
        return message.payload

    await process.bus.serve("rpc.desk.slow", slow)
    with pytest.raises(TimedOut):
        await process.bus.request("rpc.desk.slow", b"", timeout_s=0.001)
    go.set()
    await asyncio.wait_for(done.wait(), 60)


async def test_a_responder_that_fails_is_an_internal_error(process: Process) -> None:
    async def broken(message: Message) -> bytes:
        raise KeyError(message.subject)

    await process.bus.serve("rpc.desk.broken", broken)
    with pytest.raises(InternalError):
        await process.bus.request("rpc.desk.broken", b"", timeout_s=60)


async def test_events_travel_over_the_inner_bus(process: Process) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(message: Message) -> None:
        heard.put_nowait(message.payload)

    await process.bus.subscribe(TICKS, hear)
    await process.outside.publish("ticks.IF2501", b"1")
    await process.bus.publish("ticks.IF2501", b"2")
    assert [await heard.get(), await heard.get()] == [b"1", b"2"]


async def test_a_closed_bus_answers_nothing(process: Process) -> None:
    await process.bus.serve("rpc.desk.buy", echo)
    await process.bus.close()
    with pytest.raises(Unavailable):
        await process.bus.request("rpc.desk.buy", b"", timeout_s=60)
    await process.bus.close()
