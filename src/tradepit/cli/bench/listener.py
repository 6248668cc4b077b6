"""A subscriber in a process of its own: notes when each event came, on the bus and on bare NATS, and tells at the end."""

import asyncio
import json
import sys

import nats
from nats.aio.msg import Msg

from tradepit.backends.bus.nats import NatsBus
from tradepit.cli.loop import run
from tradepit.ports.bus import Channel, Message
from tradepit.runtime.clock import SystemClock

DURABLE = Channel(name="bench.durable", subject="bench.durable", durable=True)
LIVE = Channel(name="bench.live", subject="bench.live")
BARE = "bench.bare"
END = b"end"


async def listen(url: str, name: str) -> dict[str, list[float]]:
    """Microseconds from publishing to receiving (one machine, one monotonic clock), until the end is told on every way."""
    clock, times, ended = SystemClock(), {"durable": list[float](), "live": list[float](), "bare": list[float]()}, set[str]()
    over = asyncio.Event()

    def note(way: str, payload: bytes) -> None:
        if payload == END:
            ended.add(way)
            if len(ended) == len(times):
                over.set()
        else:
            times[way].append((clock.monotonic_ns() - int(payload[:20])) / 1e3)

    async def on_durable(message: Message) -> None:
        note("durable", message.payload)

    async def on_live(message: Message) -> None:
        note("live", message.payload)

    async def on_bare(message: Msg) -> None:
        note("bare", message.data)

    bus = NatsBus(url, name=name, channels=(DURABLE, LIVE))
    await bus.connect()
    await bus.subscribe(DURABLE, on_durable)
    await bus.subscribe(LIVE, on_live)
    raw = await nats.connect(url)
    await raw.subscribe(BARE, cb=on_bare)
    await raw.flush()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    async with asyncio.timeout(300):
        await over.wait()
    await raw.close()
    await bus.close()
    return times


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(listen(sys.argv[1], sys.argv[2]))) + "\n")
