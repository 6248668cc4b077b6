"""A worker that does together what waits together: in order, acknowledged after the effect, and no message spoils the others."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.tq_house import PORTFOLIO, eventually
from tests.waiting import settle

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Message
from tradepit.runtime.clock import SystemClock
from tradepit.services.dead_letters import DeadLetters
from tradepit.services.group_worker import GroupWorker
from tradepit.services.queue_worker import Figures
from tradepit.trading.model.errors import BadRequest, InternalError, Unavailable
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


def lane_of(message: Message) -> str:
    return message.payload.decode().partition("-")[0]


class Desk:
    def __init__(self, **settings: Any) -> None:
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
            **{"hands": 50, **settings},
        )

    async def send(self, *bodies: str) -> None:
        for body in bodies:
            await self.bus.publish(CONTRACT.order_updates.channel.subject, body.encode())

    async def send_while_busy(self, *bodies: str) -> None:
        """The first message is in hand, and not done, while the others come."""
        self.work.open_door.clear()
        await self.send(*bodies)
        await settle()
        self.work.open_door.set()

    async def bury(self, message: Message) -> None:
        self.dead.append(message)


@asynccontextmanager
async def opened(desk: Desk) -> AsyncIterator[Desk]:
    await desk.bus.connect()
    await desk.member.connect()
    await desk.bus.subscribe(CONTRACT.dead_letters.channel, desk.bury, group="look")
    await desk.worker.start()
    yield desk
    await desk.worker.stop()
    await desk.member.close()
    await desk.bus.close()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with opened(Desk()) as desk:
        yield desk


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


class Lanes(Ledger):
    """Does each lane's messages in turns that take their time, and now and then cannot do them; notes what runs at once."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.by_lane: dict[str, list[str]] = defaultdict(list)
        self.running: set[str] = set()
        self.most = self.largest = 0
        self.stuck = ""

    async def do_together(self, messages: Sequence[Message]) -> None:
        lanes = {lane_of(message) for message in messages}
        assert len(lanes) == 1
        [lane] = lanes
        assert lane not in self.running
        self.running.add(lane)
        self.most, self.largest = max(self.most, len(self.running)), max(self.largest, len(messages))
        try:
            for _ in range(self.random.randrange(4)):
                await asyncio.sleep(0)
            if lane == self.stuck or self.random.random() < 0.1:
                raise InternalError
            bodies = [message.payload.decode() for message in messages]
            if any(body.endswith("bad") for body in bodies):
                raise BadRequest("bad")
            self.by_lane[lane] += bodies
        finally:
            self.running.remove(lane)


@pytest.mark.parametrize("seed", range(8))
async def test_each_lane_keeps_its_order_whatever_goes_wrong(seed: int) -> None:
    chance = random.Random(seed)
    desk = Desk(hands=chance.choice((5, 40, 400)), lane_of=lane_of, lanes=4, most=7)
    desk.work = desk.worker._work = desk.worker._group = work = Lanes(seed)
    sent: dict[str, list[str]] = defaultdict(list)
    async with opened(desk):
        for number in range(200):
            lane = f"a{min(chance.randrange(9), chance.randrange(9))}"
            body = f"{lane}-{number}{'-bad' if chance.random() < 0.03 else ''}"
            await desk.send(body)
            if not body.endswith("bad"):
                sent[lane].append(body)
            if chance.random() < 0.2:
                await asyncio.sleep(0.001)
        await eventually(lambda: desk.worker.health().figures["done"] == 200)
        # A redelivery of what was done would show here as well.
        assert work.by_lane == sent
        assert work.most <= 4
        assert work.largest <= 7
        assert len(desk.dead) == 200 - sum(map(len, sent.values()))


async def test_a_lane_that_must_wait_holds_up_no_other_and_nothing_overtakes_in_it() -> None:
    desk = Desk(hands=100, lane_of=lane_of, lanes=4)
    desk.work = desk.worker._work = desk.worker._group = work = Lanes(1)
    work.stuck = "a1"
    async with opened(desk):
        for number in range(10):
            await desk.send(f"a1-{number}", f"a2-{number}", f"a3-{number}")
        await eventually(lambda: len(work.by_lane["a2"]) == len(work.by_lane["a3"]) == 10)
        await eventually(lambda: not desk.worker.health().ready)
        assert not work.by_lane["a1"]
        work.stuck = ""
        await eventually(lambda: len(work.by_lane["a1"]) == 10)
        assert work.by_lane["a1"] == [f"a1-{number}" for number in range(10)]
