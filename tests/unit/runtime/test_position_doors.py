"""Questions about positions: answered in the same words by every replica, refused with a code while a book is rebuilt."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tradepit.backends.bus.memory import MemoryBus
from tradepit.runtime.clock import ManualClock
from tradepit.runtime.position_doors import DigestReply, PositionDoors, StateReply
from tradepit.runtime.position_follower import PositionFollower
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.terms import Side
from tradepit.trading.orders.position_book import digest_positions
from tradepit.wire.gateway import AccountReply

if TYPE_CHECKING:
    from tests.unit.conftest import StubExchange


async def ask(bus: MemoryBus, subject: str, body: bytes = b"") -> dict[str, Any]:
    reply: dict[str, Any] = msgspec.json.decode(await bus.request(subject, body, timeout_s=60))
    return reply


@pytest.fixture
async def follower(
    bus: MemoryBus, exchange: "StubExchange", turns: Callable[[], Awaitable[None]]
) -> AsyncIterator[PositionFollower]:
    made = PositionFollower(bus, ManualClock(1), load_catalog(), "test")
    doors = PositionDoors(bus, made, "position-tracker", "pt-1")
    await doors.open(to_clients=True)
    yield made
    await doors.close()
    await made.stop()


async def test_state_positions_account_and_digest(
    bus: MemoryBus, exchange: "StubExchange", follower: PositionFollower, turns: Callable[[], Awaitable[None]]
) -> None:
    await follower.start()
    await exchange.trade(Side.BUY, 3)
    await exchange.trade(Side.SELL, 1, account="B")
    await turns()
    state = msgspec.convert(await ask(bus, "service.position-tracker.pt-1.state"), StateReply, strict=False)
    assert (state.instance, state.seq, state.trades, state.ready) == ("pt-1", 2, 2, True)
    assert [(held.account, held.lots) for held in state.positions] == [("A1", 3), ("B", 1)]
    assert state.digest == digest_positions(state.positions)
    assert {account.account for account in state.accounts} == {"A1", "B"}
    one = msgspec.convert(await ask(bus, "rpc.position-tracker.positions", b'{"account":"B"}'), StateReply, strict=False)
    assert [held.account for held in one.positions] == ["B"]
    money = msgspec.convert(await ask(bus, "rpc.position-tracker.account", b'{"account":"A1"}'), AccountReply, strict=False)
    assert money.account is not None
    assert money.account.fee == 1
    digest = msgspec.convert(await ask(bus, "rpc.position-tracker.digest"), DigestReply)
    assert digest.digest == state.digest


async def test_bad_questions_have_codes(bus: MemoryBus, follower: PositionFollower, turns: Callable[[], Awaitable[None]]) -> None:
    assert (await ask(bus, "rpc.position-tracker.positions"))["error"] == "SERVICE_UNAVAILABLE"
    await follower.start()
    await turns()
    for body, code in ((b"{}", "INVALID_REQUEST"), (b'{"account":"nobody"}', "ACCOUNT_NOT_FOUND"), (b"\xff", "INVALID_REQUEST")):
        assert (await ask(bus, "rpc.position-tracker.account", body))["error"] == code
    assert (await ask(bus, "rpc.position-tracker.positions", b" " * 70_000))["error"] == "PAYLOAD_TOO_LARGE"
