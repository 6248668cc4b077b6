"""Agents trade as ordinary clients: own ids, own accounts, no more closed than held, every intent on record."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tradepit.backends.bus.memory import MemoryBus
from tradepit.runtime.clock import ManualClock
from tradepit.services.trading_agents import AgentRow, TradingAgents, TradingAgentsSettings, agent_rows
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import BadRequest, OutcomeUnknown, RequestRefused
from tradepit.trading.model.terms import Offset, Side

if TYPE_CHECKING:
    from tests.unit.conftest import StubExchange

Turns = Callable[[], Awaitable[None]]
Reply = dict[str, object]


class Desk:
    """Order management that fills every order at once, except where the test says otherwise, and checks every close."""

    def __init__(self, exchange: "StubExchange") -> None:
        self.exchange = exchange
        self.held: dict[tuple[str, Side], int] = {}
        self.asked: list[dict[str, Any]] = []
        self.cancelled: list[str] = []
        self.working: list[dict[str, str]] = []
        self.mishap: Exception | None = None
        self.fills = True

    async def submit(
        self,
        *,
        side: str,
        symbol: str,
        price: Decimal | None,
        volume: int,
        account: str,
        offset: str = "OPEN",
        order_type: str = "LIMIT",
        client_order_id: str = "",
        reference: str = "",
        timestamp_ns: int = 0,
    ) -> Reply:
        self.asked.append({"id": client_order_id, "side": side, "offset": offset, "lots": volume, "account": account})
        if self.mishap is not None:
            raise self.mishap
        if self.fills:
            way, opens = Side(side), offset == "OPEN"
            key = (account, way if opens else way.opposite)
            self.held[key] = self.held.get(key, 0) + (volume if opens else -volume)
            assert self.held[key] >= 0, "closed more than was held"
            assert price is not None
            await self.exchange.trade(
                way, volume, offset=Offset(offset), account=account, client_order_id=client_order_id, price_ticks=int(price * 5)
            )
        return {"success": True, "orderid": client_order_id, "order_status": "FILLED" if self.fills else "OPEN"}

    async def cancel(self, *, account: str, client_order_id: str = "", orderid: str = "") -> Reply:
        self.cancelled.append(client_order_id)
        return {"success": True}

    async def call(self, method: str, body: Mapping[str, object]) -> Reply:
        assert method == "orders"
        return {"success": True, "orders": self.working}


class Pit:
    """Agents on a quoted market."""

    def __init__(self, bus: MemoryBus, exchange: "StubExchange") -> None:
        self.bus, self.exchange = bus, exchange
        self.clock = ManualClock(1_736_130_000_000_000_000)
        self.desk = Desk(exchange)

    async def run(
        self, *rows: AgentRow, rounds: int = 300, intents: Path | None = None, orders_per_second: float = 50.0
    ) -> TradingAgents:
        settings = TradingAgentsSettings(agents=rows, intents=intents, orders_per_second=orders_per_second)
        agents = TradingAgents(self.bus, self.clock, load_catalog(), self.desk, settings, "ag-1", "r1")
        await agents.start()
        for number in range(rounds):
            price = 3900 + Decimal("0.2") * (number % 40)
            quote = {
                "symbol": "IF2501", "last_price": price, "limit_up": Decimal(4290), "limit_down": Decimal(3510),
                "bid_price_1": price, "bid_volume_1": 9, "ask_price_1": price + Decimal("0.2"), "ask_volume_1": 9,
            }  # fmt: skip
            await self.bus.publish("market.tick.IF2501", msgspec.json.Encoder(decimal_format="number").encode(quote))
            for _ in range(6):
                await asyncio.sleep(0)
        await agents.stop()
        return agents


@pytest.fixture
async def pit(bus: MemoryBus, exchange: "StubExchange") -> Pit:
    return Pit(bus, exchange)


NOISE = AgentRow(kind="noise", name="nz1", account="NZ1", symbol="IF2501")


async def test_agents_trade_with_their_own_accounts_and_ids_and_close_only_what_they_hold(pit: Pit) -> None:
    agents = await pit.run(*agent_rows(["IF2501"], 1, 2, 1), orders_per_second=1000.0)
    ids = [order["id"] for order in pit.desk.asked]
    assert len(ids) == len(set(ids)) > 50
    assert {order["account"] for order in pit.desk.asked} >= {"mm1-IF2501", "nz1-IF2501", "nz2-IF2501"}
    assert {order["offset"] for order in pit.desk.asked} == {"OPEN", "CLOSE"}
    assert all(order["id"].startswith(f"{order['account']}-r1-") for order in pit.desk.asked)
    figures = agents.health().figures
    assert (figures["orders"], figures["answered_OK"]) == (len(ids), len(ids))
    assert float(figures["fills"]) > 50


async def test_every_intent_and_its_answer_are_on_record(pit: Pit, tmp_path: Path) -> None:
    path = tmp_path / "intents.jsonl"
    await pit.run(NOISE, intents=path)
    pit.desk.mishap = RequestRefused("no")
    await pit.run(NOISE, intents=path, rounds=60)
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    asked = [line["client_order_id"] for line in lines if line["event"] == "asked"]
    answered = [line["client_order_id"] for line in lines if line["event"] == "answered"]
    assert asked == answered == [order["id"] for order in pit.desk.asked]
    assert lines[0]["request"]["symbol"] == "IF2501"
    assert lines[-1]["reply"]["error"] == "REQUEST_REFUSED"


async def test_an_order_whose_fate_is_unknown_stays_in_view_until_its_cancel_tells(pit: Pit) -> None:
    pit.desk.mishap = OutcomeUnknown()
    agents = await pit.run(NOISE, rounds=900)
    assert agents.health().figures["answered_OUTCOME_UNKNOWN"] == len(pit.desk.asked)
    assert pit.desk.cancelled
    assert set(pit.desk.cancelled) <= {order["id"] for order in pit.desk.asked}


async def test_orders_left_over_from_a_former_life_are_cancelled_first(pit: Pit) -> None:
    pit.desk.working = [{"account": "NZ1", "client_order_id": name} for name in ("nz1-r0-7", "somebody-1")]
    await pit.run(NOISE, rounds=40)
    assert pit.desk.cancelled[:1] == ["nz1-r0-7"]
    assert "somebody-1" not in pit.desk.cancelled


async def test_the_rate_is_shared(pit: Pit) -> None:
    began_ns = pit.clock.monotonic_ns()
    await pit.run(*agent_rows(["IF2501"], 0, 8, 0), orders_per_second=20.0)
    seconds = (pit.clock.monotonic_ns() - began_ns) / 1e9
    assert 10 < len(pit.desk.asked) + len(pit.desk.cancelled) <= 20 * seconds + 9


async def test_agents_continue_with_what_they_held_before(pit: Pit) -> None:
    await pit.exchange.trade(Side.BUY, 30, account="NZ1")
    pit.desk.held["NZ1", Side.BUY] = 30
    await pit.run(NOISE, rounds=200)
    assert pit.desk.asked[0]["side"] == "SELL"
    assert pit.desk.asked[0]["offset"] == "CLOSE"


async def test_without_quotes_nothing_is_sent(pit: Pit) -> None:
    agents = await pit.run(NOISE, rounds=0)
    assert agents.health().figures["orders"] == 0
    with pytest.raises(BadRequest):
        await pit.run(AgentRow(kind="wizard", name="w", account="W", symbol="IF2501"))
