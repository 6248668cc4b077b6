"""The command loop: a full queue refuses, a repeated request answers alike."""

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from tradepit.trading.matching.commands import SubmitOrder
from tradepit.trading.model.errors import InternalError

if TYPE_CHECKING:
    from tests.unit.services.conftest import House

TEN = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China


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


async def test_no_journal_entry_grows_beyond_a_message(house: "House") -> None:
    gateway = await house.start()
    entry = gateway._command_writer.last
    ticks = [msgspec.to_builtins(house.tick(TEN + number)) for number in range(400)]
    waiting = [asyncio.ensure_future(house.ask("update_prices", {"ticks": ticks})) for _ in range(8)]
    for answer in await asyncio.gather(*waiting):
        assert answer["accepted"] + len(answer.get("refused", [])) == 400
    async for written in gateway._commands.read(entry):
        assert sum(map(len, written.records)) < 768 * 1024


async def test_a_request_whose_answer_fails_is_done_and_the_loop_goes_on(house: "House") -> None:
    gateway = await house.start()

    def fails(results: object) -> bytes:
        raise ValueError(results)

    with pytest.raises(InternalError):
        await gateway._loop.submit((SubmitOrder(intent=house.order(1)),), fails)
    assert (await house.ask("query_order", {"account": "A", "client_order_id": "c1"}))["order"]["status"] == "OPEN"
    assert (await house.send(house.order(2)))["order"]["status"] == "OPEN"
