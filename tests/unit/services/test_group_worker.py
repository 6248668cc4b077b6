"""A worker that does together what waits together: in order, acknowledged after the effect, and no message spoils the others."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from tests.tq_house import PORTFOLIO, eventually

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Message
from tradepit.runtime.clock import SystemClock
from tradepit.services.dead_letters import DeadLetters
from tradepit.services.group_worker import GroupWorker
from tradepit.services.queue_worker import Figures
from tradepit.trading.model.errors import BadRequest, Unavailable
from tradepit.wire import tq

CONTRACT = tq.contract(PORTFOLIO)


class Ledger:
    """Keeps bodies in turns, one at a time; says no to ``bad`` ones, breaks on ``odd`` ones, cannot be reached while ``down``."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.turns: list[int] = []
        self.open_door = asyncio.Event()
        self.down = 0

    async def open(self) -> None:
        self.open_door.set()

    async def do(self, message: Message) -> None:
        await self.do_together([message])

    async def do_together(self, messages: Sequence[Message]) -> None:
        await self.open_door.wait()
        bodies = [message.payload.decode() for message in messages]
        if self.down:
            self.down -= 1
            raise Unavailable("away")
        if any(body.startswith("bad") for body in bodies):
            raise BadRequest("bad")
        if any(body.startswith("odd") for body in bodies):
            raise ZeroDivisionError
        self.kept += bodies
        self.turns.append(len(bodies))

    async def close(self) -> None:
        self.open_door.set()

    def problem(self) -> str:
        return ""

    def figures(self) -> Figures:
        return {"kept": len(self.kept)}


class Desk:
    def __init__(self) -> None:
        self.hub, self.work, self.dead = MemoryHub(), Ledger(), list[Message]()
        self.bus = MemoryBus(self.hub, channels=CONTRACT.channels)
        self.member = MemoryBus(self.hub, channels=CONTRACT.channels)
        self.worker = GroupWorker(
            "handler",
            "handler-1",
            bus=self.member,
            route=CONTRACT.order_updates,
            dead_letters=DeadLetters(self.member, CONTRACT.dead_letters),
            work=self.work,
            clock=SystemClock(),
            hands=50,
        )

    async def send(self, *bodies: str) -> None:
        for body in bodies:
            await self.bus.publish(CONTRACT.order_updates.channel.subject, body.encode())

    async def send_while_busy(self, *bodies: str) -> None:
        """The first message is in hand, and not done, while the others come."""
        self.work.open_door.clear()
        await self.send(*bodies)
        await asyncio.sleep(0.01)
        self.work.open_door.set()

    async def bury(self, message: Message) -> None:
        self.dead.append(message)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.bus.connect()
    await desk.member.connect()
    await desk.bus.subscribe(CONTRACT.dead_letters.channel, desk.bury, group="look")
    await desk.worker.start()
    yield desk
    await desk.worker.stop()
    await desk.member.close()
    await desk.bus.close()


async def test_what_waits_is_done_together_and_in_order(desk: Desk) -> None:
    await desk.send_while_busy(*(f"m{number}" for number in range(20)))
    await eventually(lambda: desk.worker.health().figures["done"] == 20)
    assert desk.work.kept == [f"m{number}" for number in range(20)]
    assert len(desk.work.turns) < 20


async def test_the_one_at_fault_is_buried_and_the_others_are_done(desk: Desk) -> None:
    await desk.send_while_busy("m0", "m1", "bad", "m2", "odd", "m3")
    await eventually(lambda: len(desk.dead) == 2)
    await eventually(lambda: len(desk.work.kept) == 4)
    assert desk.work.kept == ["m0", "m1", "m2", "m3"]
    assert [message.payload for message in desk.dead] == [b"bad", b"odd"]
    assert [message.headers[tq.REASON_HEADER] for message in desk.dead] == ["INVALID_REQUEST", "INTERNAL_ERROR"]


async def test_one_that_must_wait_is_overtaken_by_none(desk: Desk) -> None:
    desk.work.down = 3
    await desk.send_while_busy("m0", "m1", "m2", "m3")
    await eventually(lambda: desk.worker.health().figures["done"] == 4)
    assert desk.work.kept == ["m0", "m1", "m2", "m3"]
    assert desk.worker.health().ready
    assert desk.dead == []


async def test_told_to_stop_it_gives_back_what_it_could_not_do(desk: Desk) -> None:
    desk.work.down = 1_000
    await desk.send_while_busy("m0", "m1", "m2")
    await eventually(lambda: not desk.worker.health().ready)
    await desk.worker.stop()
    assert desk.work.kept == []
    desk.work.down = 0
    await desk.worker.start()
    await eventually(lambda: len(desk.work.kept) == 3)
    assert sorted(desk.work.kept) == ["m0", "m1", "m2"]
