"""Orders of bots, many in one request: decided in their order, answered once journaled, each refusal its own, twice is once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.order_path import Office, lost
from tests.unit.services.test_order_rpc import Front
from tests.waiting import settle, until

from tradepit.services.bot_orders import MOST_TOGETHER
from tradepit.trading.orders import events as facts
from tradepit.trading.risk.rules import load_rules

PLACE: dict[str, Any] = {"symbol": "IF2501", "price": 3900, "volume": 1, "account": "A1", "side": "BUY", "bot": "b1"}


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    office = Office(
        load_rules(
            {
                "session_phase": False,
                "margin": False,
                "rate": {"order_burst": 1000},
                "working_cap": False,
                "position_limit": False,
            }
        )
    )
    leader = await office.leader()
    yield Front(office, leader)
    await leader.stop()


def many(count: int, **changes: object) -> list[dict[str, Any]]:
    return [PLACE | {"client_order_id": f"c{number}", "sequence": number} | changes for number in range(1, count + 1)]


async def told(front: Front, orders: list[dict[str, Any]]) -> list[tuple[str, str]]:
    reply = await front.ask("place_all", {"orders": orders})
    return [(each["client_order_id"], each["error"] or each["reason"] or each["status"]) for each in reply["orders"]]


async def test_all_are_journaled_in_their_order_and_the_exchange_is_not_waited_for(front: Front) -> None:
    await front.acting.admit("A1")
    front.office.broker.hold["submit"] = asyncio.Event()
    assert await told(front, many(5)) == [(f"c{number}", "SENDING") for number in range(1, 6)]
    accepted = [fact.intent.client_order_id for fact in front.office.journaled() if isinstance(fact, facts.OrderAccepted)]
    assert accepted == ["c1", "c2", "c3", "c4", "c5"]
    assert not front.office.venue.orders
    front.office.broker.hold["submit"].set()
    await until(lambda: len(front.office.venue.orders) == 5)
    assert [key[1] for key in front.office.venue.orders] == accepted


async def test_an_account_that_is_not_known_yet_turns_no_order_round(front: Front) -> None:
    front.office.broker.hold["account"] = asyncio.Event()
    asked = asyncio.create_task(told(front, many(4)))
    await settle()
    assert not asked.done()
    front.office.broker.hold["account"].set()
    assert [name for name, _ in await asked] == ["c1", "c2", "c3", "c4"]
    accepted = [fact.intent.sequence for fact in front.office.journaled() if isinstance(fact, facts.OrderAccepted)]
    assert accepted == [1, 2, 3, 4]


async def test_each_refusal_is_its_own_and_twice_is_once(front: Front) -> None:
    orders = many(6)
    orders[1] |= {"volume": 100_000}
    orders[2] |= {"price": 3900.1}
    orders[3] |= {"symbol": "XX2501"}
    orders[4] |= {"account": "nobody"}
    wanted = [
        ("c1", "OPEN"), ("c2", "VOLUME_NOT_VALID"), ("c3", "PRICE_WRONG_TICK"), ("c4", "INSTRUMENT_NOT_FOUND"),
        ("c5", "ACCOUNT_NOT_FOUND"), ("c6", "OPEN"),
    ]  # fmt: skip
    await told(front, orders)
    await settle()
    for _ in range(2):
        assert await told(front, orders) == wanted
    assert sorted(front.office.venue.arrivals.values()) == [1, 1]
    # Another order under a known id, and another id under a known number.
    again = [PLACE | {"client_order_id": "c1", "sequence": 1, "volume": 2}, PLACE | {"client_order_id": "new", "sequence": 6}]
    assert await told(front, again) == [("c1", "DUPLICATE_ID"), ("c6", "OPEN")]


async def test_what_is_in_doubt_is_told_as_such(front: Front) -> None:
    front.office.broker.late["submit"] = lost()
    front.office.broker.hold["reports"] = front.office.broker.hold["resolve"] = asyncio.Event()
    await told(front, many(1))
    await settle()
    assert await told(front, many(1)) == [("c1", "OUTCOME_UNKNOWN")]


async def test_an_account_that_is_not_answered_waits_by_itself(front: Front) -> None:
    for account in ("A1", "A2"):
        await front.acting.admit(account)
    front.office.broker.hold["submit"] = asyncio.Event()
    stuck = asyncio.create_task(told(front, many(40)))
    await settle(200)
    assert not stuck.done()
    accepted = [fact.intent.sequence for fact in front.office.journaled() if isinstance(fact, facts.OrderAccepted)]
    assert accepted == list(range(1, 17))
    others = [each | {"account": "A2", "bot": "b2"} for each in many(10)]
    assert [status for _, status in await told(front, others)] == ["SENDING"] * 10
    # Asked again meanwhile it is the same request.
    again = asyncio.create_task(told(front, many(40)))
    await settle()
    front.office.broker.hold["submit"].set()
    for asked in (stuck, again):
        assert [name for name, _ in await asked] == [f"c{number}" for number in range(1, 41)]
    await until(lambda: len(front.office.venue.orders) == 50)
    assert set(front.office.venue.arrivals.values()) == {1}
    accepted = [
        fact.intent.sequence
        for fact in front.office.journaled()
        if isinstance(fact, facts.OrderAccepted) and fact.intent.account == "A1"
    ]
    assert accepted == list(range(1, 41))


async def test_a_leader_that_is_none_any_more_takes_no_further_order(front: Front) -> None:
    await front.acting.admit("A1")
    front.office.broker.hold["submit"] = asyncio.Event()
    asked = asyncio.create_task(front.ask("place_all", {"orders": many(40)}))
    await settle(200)
    front.active = False
    front.office.broker.hold["submit"].set()
    assert (await asked)["error"] == "NOT_ACTIVE"
    assert len([fact for fact in front.office.journaled() if isinstance(fact, facts.OrderAccepted)]) == 16
    front.active = True
    assert [name for name, _ in await told(front, many(40))] == [f"c{number}" for number in range(1, 41)]
    assert set(front.office.venue.arrivals.values()) == {1}


async def test_all_together_wait_before_they_are_too_many(front: Front) -> None:
    front.office.broker.accounts |= {f"B{number}" for number in range(10)}
    front.office.broker.hold["submit"] = asyncio.Event()
    asked = [asyncio.create_task(told(front, [each | {"account": f"B{number}"} for each in many(20)])) for number in range(10)]
    await settle(500)
    accepted = [fact for fact in front.office.journaled() if isinstance(fact, facts.OrderAccepted)]
    assert len(accepted) <= 106
    assert not front.acting.busy
    front.office.broker.hold["submit"].set()
    await asyncio.gather(*asked)
    await until(lambda: len(front.office.venue.orders) == 200)


async def test_a_busy_or_former_leader_takes_none_and_says_ask_again(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradepit.services.order_leader.MAX_IN_FLIGHT", 0)
    assert await front.code("place_all", {"orders": many(1)}) == "SERVICE_UNAVAILABLE"
    monkeypatch.undo()
    assert (await told(front, many(1)))[0][0] == "c1"
    front.active = False
    assert await front.code("place_all", {"orders": many(1)}) == "NOT_ACTIVE"


@pytest.mark.parametrize("orders", [[], many(MOST_TOGETHER + 1), "none", [1]])
async def test_what_is_no_list_of_orders_is_refused(front: Front, orders: object) -> None:
    assert await front.code("place_all", {"orders": orders}) == "INVALID_REQUEST"


@pytest.mark.parametrize(
    "change", [{"side": "UP"}, {"sequence": -1}, {"expires": 2**63}, {"bot": "a b"}, {"client_order_id": ""}]
)
async def test_a_wrong_order_stands_in_no_ones_way(front: Front, change: dict[str, Any]) -> None:
    wrong, right = many(2)
    [(_, error), (_, status)] = await told(front, [wrong | change, right])
    assert error in ("INVALID_REQUEST", "ID_NOT_VALID")
    assert status in ("SENDING", "OPEN")


CROSS = [PLACE | {"client_order_id": "bid", "bot": "b1"}, PLACE | {"client_order_id": "offer", "bot": "b2", "side": "SELL"}]


async def test_two_bots_of_one_account_do_not_trade_with_each_other(front: Front) -> None:
    assert await told(front, CROSS) == [("bid", "OPEN"), ("offer", "SELF_TRADE")]
    other = PLACE | {"client_order_id": "of-another", "bot": "b3", "side": "SELL", "account": "A2"}
    assert (await told(front, [other]))[0][1] in ("SENDING", "OPEN")


@pytest.mark.parametrize(("account", "limits"), [("A1", {}), ("A2", {"groups": {"owner": ["A1", "A2"]}})])
async def test_or_an_alert_tells_that_they_would(account: str, limits: dict[str, Any], front: Front) -> None:
    change = {
        "scope": "global",
        "limits": {"self_trade": {"policy": "report"} | limits},
        "who": "risk",
        "reason": "venue decides",
    }
    await front.ask("set_limits", change)
    [bid, offer] = CROSS
    assert [status for _, status in await told(front, [bid, offer | {"account": account}])] == ["OPEN", "OPEN"]
    [remarked] = [fact for fact in front.office.journaled() if isinstance(fact, facts.OrderRemarked)]
    assert (remarked.code, remarked.account, remarked.bot, remarked.client_order_id) == ("SELF_TRADE", account, "b2", "offer")


async def test_owners_accounts_do_not_trade_with_each_other(front: Front) -> None:
    change = {
        "scope": "global",
        "limits": {"self_trade": {"groups": {"owner": ["A1", "A2"]}}},
        "who": "risk",
        "reason": "one owner",
    }
    await front.ask("set_limits", change)
    [bid, offer] = CROSS
    assert [status for _, status in await told(front, [bid, offer | {"account": "A2"}])] == ["OPEN", "SELF_TRADE"]
