"""What risk people ask of order management: limits at run time, dry evaluation, and a kill switch that tells how far it came."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.order_path import Office, an_intent
from tests.unit.services.test_order_rpc import BUY, Front
from tests.waiting import settle, until

from tradepit.trading.model.errors import RiskRefused
from tradepit.trading.model.terms import Offset, OrderStatus, SessionPhase, Side, TradingState
from tradepit.trading.orders import events as facts
from tradepit.trading.risk.rules import load_rules

LIMITS = {"scope": "account:A1", "limits": {"order_size": {"max_lots": 4}}, "who": "risk", "reason": "first day"}


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    # The venue of these tests takes orders at any hour, and pays no attention to money.
    office = Office(load_rules({"session_phase": False, "margin": False, "rate": {"order_burst": 1000}}))
    leader = await office.leader()
    yield Front(office, leader)
    await leader.stop()


async def test_limits_hold_from_the_next_order_on_and_are_told_with_who_and_why(front: Front) -> None:
    assert (await front.ask("buy", BUY | {"volume": 5}))["success"]
    [told] = (await front.ask("set_limits", LIMITS))["scopes"]
    assert (told["scope"], told["limits"], told["who"], told["reason"]) == (
        "account:A1", {"order_size": {"max_lots": 4}}, "risk", "first day",
    )  # fmt: skip
    assert told["readable"]
    assert await front.code("buy", BUY | {"client_order_id": "c2", "volume": 5}) == "QUANTITY_EXCEEDS_MAXIMUM"
    assert (await front.ask("buy", BUY | {"client_order_id": "c3", "volume": 4}))["success"]
    every = await front.ask("get_limits", {})
    assert every["scopes"] == [told]
    assert every["configured"]["order_size"]["max_lots"] == 500
    assert (await front.ask("get_limits", {"scope": "global"}))["scopes"] == []


async def test_limits_are_a_fact_that_the_next_leader_knows(front: Front) -> None:
    await front.ask("set_limits", LIMITS)
    fact = front.office.journaled()[-1]
    assert isinstance(fact, facts.LimitsSet)
    assert (fact.scope, fact.who, fact.reason) == ("account:A1", "risk", "first day")
    await front.acting.stop()
    front.acting = await front.office.leader()
    assert await front.code("buy", BUY | {"volume": 5}) == "QUANTITY_EXCEEDS_MAXIMUM"
    assert (await front.ask("set_limits", LIMITS | {"limits": {"order_size": None}}))["scopes"][0]["limits"] == {}
    assert (await front.ask("buy", BUY | {"client_order_id": "c2", "volume": 5}))["success"]


async def test_limits_that_cannot_be_read_refuse_and_say_so(front: Front) -> None:
    front.acting.record(facts.LimitsSet(time_ns=1, scope="account:A1", limits='{"order_size": 7}', who="x", reason="y"))
    assert await front.code("buy", BUY) == "RULE_FAILED"
    [told] = (await front.ask("get_limits", {}))["scopes"]
    assert not told["readable"]
    front.acting.record(facts.LimitsSet(time_ns=1, scope="global", limits="torn", who="x", reason="y"))
    assert not any(each["readable"] for each in (await front.ask("get_limits", {}))["scopes"])
    assert await front.code("buy", BUY | {"account": "A2", "client_order_id": "c2"}) == "RULE_FAILED"


@pytest.mark.parametrize(
    "change",
    [
        {"scope": "everything"}, {"scope": "account:"}, {"scope": "bot:a b"}, {"who": ""}, {"reason": ""},
        {"limits": {"nothing": {}}}, {"limits": {"order_size": {"max_lots": -1}}}, {"limits": {"order_size": 5}},
        {"scope": "symbol:IF2501", "limits": {"rate": {"order_burst": 1}}},
    ],
)  # fmt: skip
async def test_bad_limits_are_refused_and_change_nothing(front: Front, change: dict[str, Any]) -> None:
    assert await front.code("set_limits", LIMITS | change) in ("INVALID_REQUEST", "ID_NOT_VALID")
    assert front.acting.desk.limits.settings == {}
    assert not [fact for fact in front.office.journaled() if isinstance(fact, facts.LimitsSet)]


async def test_an_evaluation_answers_and_leaves_no_trace(front: Front) -> None:
    await front.ask("set_limits", LIMITS | {"scope": "bot:b7"})
    entries = len(front.office.store.entries)
    question = {key: value for key, value in BUY.items() if key != "client_order_id"} | {"side": "BUY", "volume": 5}
    for _ in range(30):
        told = await front.ask("evaluate", question)
        assert (told["success"], told["allowed"], told["reason"]) == (True, True, "")
        refused = await front.ask("evaluate", question | {"bot": "b7"})
        assert (refused["allowed"], refused["reason"], refused["limit"], refused["value"]) == (
            False, "QUANTITY_EXCEEDS_MAXIMUM", "4", "5",
        )  # fmt: skip
        assert refused["checked_at"].startswith("2025-01-06T10:00:00")
    assert front.acting.desk.register.orders == {}
    assert front.acting.desk.exposure.books["A1"].requests.day_orders == 0
    # The account was met for the first time: that alone was journaled.
    assert [type(fact).__name__ for fact in front.office.journaled()[-1:]] == ["AccountKnown"]
    assert len(front.office.store.entries) == entries + 1
    assert await front.code("evaluate", question | {"side": "UP"}) == "INVALID_REQUEST"
    assert await front.code("evaluate", question | {"bot": "b 7"}) == "ID_NOT_VALID"


async def test_a_bot_is_halted_alone(front: Front) -> None:
    await front.ask("set_state", {"scope": "bot:b7", "state": "HALTED", "who": "me", "reason": "runs wild"})
    with pytest.raises(RiskRefused) as refused:
        await front.acting.submit(an_intent(1, bot="b7", sequence=1))
    assert refused.value.reason_code == "TRADING_HALTED"
    assert (await front.acting.submit(an_intent(2, bot="b8", sequence=1))).status is OrderStatus.OPEN


async def long_and_working(front: Front) -> None:
    """Account A1 is long seven lots and buys three more."""
    await front.acting.submit(an_intent(1, lots=7))
    front.office.venue.fill(("A1", "c1"), 7)
    await front.acting.submit(an_intent(2, lots=3))
    await settle()
    holding = front.acting.desk.exposure.holding("A1", "IF2501")
    assert holding is not None
    assert (holding.long.lots, holding.long.opening) == (7, 3)
    front.acting.desk.exposure.on_phase("IF2501", SessionPhase.AUCTION_ORDERING)


async def test_halting_flattens_on_demand_and_tells_what_is_left(front: Front) -> None:
    await long_and_working(front)
    kill = {"scope": "account:A1", "state": "HALTED", "who": "me", "reason": "enough", "flatten": True, "wait_ms": 50}
    told = (await front.ask("set_state", kill))["checklist"]
    assert (told["state_set"], told["orders_found"], told["cancelled"], told["still_working"]) == (True, 1, 1, [])
    assert (told["closing_orders"], told["flatten_refused"]) == (1, [])
    assert told["positions_left"] == [{"account": "A1", "symbol": "IF2501", "long": 7, "short": 0}]
    [closing] = front.acting.desk.register.working.values()
    intent = closing.intent
    market = front.acting.desk.exposure.markets["IF2501"]
    assert (intent.side, intent.offset, intent.volume_lots, intent.price_ticks) == (
        Side.SELL, Offset.CLOSE, 7, market.lower_ticks,
    )  # fmt: skip
    assert await front.code("sell", BUY | {"client_order_id": "c9", "offset": "CLOSE", "volume": 1}) == "TRADING_HALTED"
    # Asked again, the closing order is a working order of a halted scope: it is cancelled, and the lots are closed anew.
    again = (await front.ask("set_state", kill))["checklist"]
    assert (again["orders_found"], again["cancelled"], again["closing_orders"]) == (1, 1, 1)
    [key] = front.acting.desk.register.working
    front.office.venue.fill(key, 7)
    await settle()
    done = (await front.ask("set_state", kill | {"flatten": False}))["checklist"]
    assert (done["positions_left"], done["orders_found"]) == ([], 0)


async def test_a_kill_survives_the_leader_and_its_cancels_go_on(front: Front) -> None:
    await long_and_working(front)
    front.office.broker.hold["cancel"] = asyncio.Event()
    first = await front.ask("set_state", {"scope": "global", "state": "HALTED", "who": "me", "reason": "enough", "wait_ms": 30})
    assert (first["checklist"]["still_working"], first["checklist"]["state_set"]) == (["c2"], True)
    await front.acting.stop()
    del front.office.broker.hold["cancel"]
    front.acting = await front.office.leader()
    await until(lambda: not front.acting.desk.register.working)
    assert front.acting.desk.exposure.states == {"global": TradingState.HALTED}
    told = (await front.ask("set_state", {"scope": "global", "state": "HALTED"}))["checklist"]
    assert (told["still_working"], told["state_set"]) == ([], True)
    assert await front.code("buy", BUY | {"client_order_id": "c9"}) == "TRADING_HALTED"


@pytest.mark.parametrize(
    "change", [{"state": "REDUCING"}, {"scope": "bot:b"}, {"scope": "reference:r"}, {"wait_ms": -1}, {"wait_ms": 10_001}]
)
async def test_a_flattening_that_cannot_be_is_refused_before_anything_is_set(front: Front, change: dict[str, Any]) -> None:
    kill = {"scope": "account:A1", "state": "HALTED", "flatten": True} | change
    assert await front.code("set_state", kill) == "INVALID_REQUEST"
    assert front.acting.desk.exposure.states == {}


async def test_resting_orders_give_way_where_it_is_so_set(front: Front) -> None:
    resting = await front.acting.submit(an_intent(1))
    assert await front.code("sell", BUY | {"client_order_id": "c2"}) == "SELF_TRADE"
    await front.ask("set_limits", LIMITS | {"scope": "global", "limits": {"self_trade": {"policy": "cancel_resting"}}})
    refused = BUY | {"client_order_id": "c3", "volume": 1000}
    assert await front.code("sell", refused) == "VOLUME_NOT_VALID"
    assert front.acting.desk.register.orders["A1", "c1"].status is OrderStatus.OPEN
    assert (await front.ask("sell", BUY | {"client_order_id": "c4"}))["success"]
    assert front.acting.desk.register.orders["A1", resting.client_order_id].status is OrderStatus.CANCELLED


async def test_a_warning_is_journaled_once_a_day_before_it_comes_to_a_stop() -> None:
    counts = {"CFFEX": {"cancels": 5, "large_cancels": 99, "self_trades": 99}}
    office = Office(
        load_rules({"session_phase": False, "margin": False, "abnormal_trading": {"enforce": True, "by_exchange": counts}})
    )
    leader = await office.leader()
    for number in range(4):
        await leader.submit(an_intent(number))
        await leader.cancel("A1", f"c{number}")
    with pytest.raises(RiskRefused) as refused:
        await leader.submit(an_intent(9))
    assert refused.value.reason_code == "CANCEL_COUNT"
    await leader.stop()
    successor = await office.leader()
    await settle()
    warned = [fact for fact in office.journaled() if isinstance(fact, facts.RiskWarned)]
    assert [(fact.account, fact.symbol, fact.what, fact.value, fact.limit) for fact in warned] == [
        ("A1", "IF2501", "cancels", 4, 5),
    ]  # fmt: skip
    await successor.stop()
