"""The command loop: a full queue refuses, a repeated request answers alike."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.services.conftest import House


async def test_a_full_queue_refuses_at_once(house: "House") -> None:
    gateway = await house.start(queue_commands=2, outbox_reports=1)
    gateway._outbox.cut()
    await house.send(house.order(0))
    waiting = [asyncio.ensure_future(house.ask("send_order", house.body(house.order(number)))) for number in (1, 2)]
    await house.until(lambda: gateway._loop.waiting == 2)
    assert (await house.send(house.order(3)))["error"] == "SERVICE_UNAVAILABLE"
    gateway._outbox.mend()
    answers = await asyncio.gather(*waiting)
    assert [answer["order"]["status"] for answer in answers] == ["OPEN", "OPEN"]


async def test_sending_twice_is_sending_once(house: "House") -> None:
    gateway = await house.start()
    first = await house.send(house.order(1))
    last = gateway.machine.last_report
    assert await house.send(house.order(1)) == first
    assert gateway.machine.last_report == last
    assert (await house.send(house.order(1, lots=3)))["error"] == "DUPLICATE_ID"
