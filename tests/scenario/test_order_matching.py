"""Price-time priority, partial fills and positions, with several accounts and nobody else in the market."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from nats.aio.msg import Msg
from tests.house_under_test import STANDBYS, SYMBOL, HouseUnderTest, Json, settings_of, told

_ROLES = ("trading-gateway", "order-management", "position-tracker")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[HouseUnderTest]:
    async with HouseUnderTest(tmp_path, settings_of("A1", "B1", "C1"), only=_ROLES, later=STANDBYS) as made:
        await made.ready()
        yield made


async def test_price_then_time_decides_who_trades(house: HouseUnderTest) -> None:
    trades, filled = await house.hear("trades.executed"), await house.hear("orders.filled")
    first = await house.order("sell", 4500, 2, account="A1", client_order_id="first")
    second = await house.order("sell", 4500, 3, account="B1", client_order_id="second")
    better = await house.order("sell", 4499.8, 1, account="B1", client_order_id="better")
    worse = await house.order("sell", 4500.2, 9, account="A1", client_order_id="worse")
    assert {each["order_status"] for each in (first, second, better, worse)} == {"OPEN"}

    taker = await house.order("buy", 4500, 4, account="C1", client_order_id="taker")
    assert (taker["order_status"], taker["traded"]) == ("FILLED", 4)

    async def all_told() -> bool:
        return len(trades) == 6 and len(filled) == 4

    await house.until(all_told, "three matches, told once for each side")
    rows = told(trades)
    sellers = [_told(row) for row in rows if row["direction"] == "SHORT"]
    assert sellers == [("better", Decimal("4499.8"), 1), ("first", Decimal(4500), 2), ("second", Decimal(4500), 1)]
    buyers = [_told(row) for row in rows if row["direction"] == "LONG"]
    assert buyers == [("taker", Decimal("4499.8"), 1), ("taker", Decimal(4500), 2), ("taker", Decimal(4500), 1)]
    assert {row["client_order_id"]: row["status"] for row in told(filled)} == {
        "better": "FILLED",
        "first": "FILLED",
        "second": "PARTIAL",
        "taker": "FILLED",
    }

    left = (await house.orders("orders", {"account": "B1", "client_order_id": "second"}))["orders"][0]
    assert (left["status"], left["volume"], left["traded"]) == ("PARTIAL", 3, 1)

    # What is left keeps its place: the next buyer meets it before anything worse.
    await house.order("buy", 4500.2, 3, account="C1", client_order_id="next")
    await house.until(lambda: _count(trades, 10), "two more matches")
    assert [_told(row) for row in told(trades)[6:] if row["direction"] == "SHORT"] == [
        ("second", Decimal(4500), 2),
        ("worse", Decimal("4500.2"), 1),
    ]

    await house.keepers_agree("A1", "B1", "C1")
    assert await house.venue_positions("A1", "B1", "C1") == [
        ("A1", SYMBOL, "SELL", 3, 0),
        ("B1", SYMBOL, "SELL", 4, 0),
        ("C1", SYMBOL, "BUY", 7, 0),
    ]
    proof = await house.prove()
    assert proof.clean, proof.findings


async def test_fak_fok_and_cancel_do_what_they_say(house: HouseUnderTest) -> None:
    await house.order("sell", 4500, 2, account="A1")
    rest = await house.order("buy", 4500, 5, account="B1", type="FAK")
    assert (rest["order_status"], rest["traded"]) == ("CANCELLED", 2)

    await house.order("sell", 4500, 2, account="A1", client_order_id="resting")
    none = await house.order("buy", 4500, 5, account="B1", type="FOK")
    assert (none.get("order_status", none.get("error")), none.get("traded", 0)) == ("CANCELLED", 0)

    cancelled = await house.orders("cancel", {"account": "A1", "client_order_id": "resting"})
    assert (cancelled["success"], cancelled["status"], cancelled["traded"]) == (True, "CANCELLED", 0)
    assert (await house.orders("cancel", {"account": "A1", "client_order_id": "resting"}))["status"] == "CANCELLED"
    assert (await house.order("buy", 4500, 1, account="B1", type="FAK"))["traded"] == 0

    # Closing takes the lots off again, and no more than there are.
    await house.order("buy", 4490, 2, account="A1", offset="CLOSE", client_order_id="cover")
    closed = await house.order("sell", 4490, 2, account="B1", offset="CLOSE")
    assert (closed["order_status"], closed["traded"]) == ("FILLED", 2)
    assert await house.venue_positions("A1", "B1") == []
    too_much = await house.order("sell", 4490, 1, account="B1", offset="CLOSE")
    assert too_much["success"] is False
    proof = await house.prove()
    assert proof.clean, proof.findings


def _told(row: Json) -> tuple[str, Decimal, int]:
    return row["client_order_id"], Decimal(row["price"]), row["volume"]


async def _count(heard: list[Msg], number: int) -> bool:
    return len(heard) == number
