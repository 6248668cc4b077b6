"""SSI's own client, unmodified, trades at the server that stands for SSI's V2, against orders that the house sends there."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.patience import until
from tests.servers.ssi_v2_server import SsiV2Server
from tests.ssi_orders import PRICE, order, told, trades
from tests.ssi_program import SsiProgram
from tests.ssi_world import ACCOUNTS, SsiWorld

from tradepit.trading.model.terms import OrderStatus

_TEN_YEARS_S = 315_360_000


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SsiWorld]:
    world = SsiWorld(tmp_path / "world", "v2")
    # The client compares the token's end with the machine's time, and the exchange's day is long ago.
    world.server.token_life_s = _TEN_YEARS_S
    await world.open()
    yield world
    await world.leave()


async def test_both_sides_of_a_trade_are_told_the_same(tmp_path: Path, world: SsiWorld) -> None:
    assert isinstance(world.server, SsiV2Server)
    broker = await world.broker()
    await broker.submit(order("c1", lots=3), epoch=1)
    program = SsiProgram(
        tmp_path / "program",
        world.server,
        f"""
        account = {ACCOUNTS["B"]!r}
        listen(0)
        say(placed=place(account, "30304045", "S", {PRICE / 10}, 5))
        match = wait("orderMatchEvent", uniqueID="30304045")
        say(match=[match["matchPrice"], match["matchQty"]])
        row, = client.get_order_book(asks.OrderBook(account))["Data"]["orders"]
        say(row=[row["orderStatus"], row["quantity"], row["filledQty"]])
        say(modified=modify(account, "30304046", row, {PRICE / 10}, 4))
        say(left=wait("orderEvent", uniqueID="30304046", orderStatus="PF")["osQty"])
        say(cancelled=cancel(account, "30304047", row)["status"])
        end = wait("orderEvent", uniqueID="30304047", orderStatus="FFPC")
        say(end=[end["filledQty"], end["cancelQty"], end["origRequestID"]])
        say(again=place(account, "30304047", "S", 1340, 1)["status"])
        say(refused=place(account, "30304048", "S", 1, 1)["status"])
        say(why=wait("orderError", uniqueID="30304048")["message"])
        say(position=client.get_derivative_position(asks.DerivativePosition(account))["Data"]["openPosition"][0]["shortQty"])
        say(margin=client.get_derivative_account_balance(asks.DerivativeAccountBalance(account))["Data"]["internalMargin"]["marginReq"])
        """,
    )
    said = {name: value for each in await asyncio.to_thread(program.said) for name, value in each.items()}
    assert said["placed"]["data"]["requestID"] == "30304045"
    assert (said["match"], said["row"]) == ([PRICE / 10, 3], ["PF", 5, 3])
    assert (said["modified"]["status"], said["left"], said["cancelled"]) == (200, 1, 200)
    assert said["end"][0] == 3
    assert said["end"][2] == "30304045"
    assert (said["again"], said["refused"]) == (400, 200)
    assert "floor price" in said["why"]
    assert said["position"] == 3
    assert said["margin"] > 0
    book = world.link.book
    await until(lambda: book.orders["A", "c1"].status is OrderStatus.FILLED and book.missing(("A", "c1")) == 0)
    assert trades(await told(world), "c1") == [(PRICE, 3)]
    (foreign,) = [each for key, each in book.orders.items() if key[0] == "B"]
    assert (foreign.status, foreign.traded_lots) == (OrderStatus.CANCELLED, 3)
