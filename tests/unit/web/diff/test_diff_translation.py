"""The small translations of the DIFF front: patches, names, tokens, orders, money, instruments."""

import asyncio
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepit.runtime.intent_log import IntentLog
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, SessionPhase, Side
from tradepit.trading.model.trade import Trade
from tradepit.web.diff.access import Access
from tradepit.web.diff.addresses import addresses
from tradepit.web.diff.contract_info import future_info
from tradepit.web.diff.instrument_service import InstrumentService
from tradepit.web.diff.money import account_record, position_record
from tradepit.web.diff.naming import MAX_ORDER_ID, account_of, client_order_id_of, order_id_of, reference_of
from tradepit.web.diff.orders import InsertOrder, house_order, order_record
from tradepit.web.diff.outlet import Outlet, merge
from tradepit.web.diff.quotes import changed, opening_quote
from tradepit.web.diff.trading_user import TradingUser
from tradepit.web.diff.unsettled import intent_of, read_unsettled
from tradepit.wire.gateway import InstrumentState

DAY = date(2025, 1, 6)
IF = load_catalog().instrument("IF2501", on=DAY, listing_price=Decimal(4500))
RB = load_catalog().instrument("rb2505", on=DAY, listing_price=Decimal(3300))


def _state(instrument: Instrument, settlement: str) -> InstrumentState:
    low, high = instrument.price_band(Decimal(settlement))
    phase = SessionPhase.CONTINUOUS
    return InstrumentState(
        instrument=instrument, phase=phase, lower_limit_ticks=low, upper_limit_ticks=high, pre_settlement=settlement
    )


STATES = [_state(IF, "4500"), _state(RB, "3300")]

# Patches


def test_one_answer_for_one_peek_and_the_newest_of_everything() -> None:
    async def story() -> None:
        outlet = Outlet()
        outlet.peek()
        waiting = asyncio.ensure_future(outlet.next())
        await asyncio.sleep(0)
        assert not waiting.done()
        outlet.add({"quotes": {"a": {"last": 1, "volume": 1}}})
        assert json.loads(await waiting)["data"] == [{"quotes": {"a": {"last": 1, "volume": 1}}}]
        shared: dict[str, Any] = {"quotes": {"a": {"last": 2}}}
        for patch in (shared, {"quotes": {"a": {"last": 3}, "b": {}}}, {"x": {"y": None}}, {"x": {"y": {"z": 1}}}):
            outlet.add(patch)
        assert shared == {"quotes": {"a": {"last": 2}}}
        outlet.peek()
        told = json.loads(await outlet.next())
        assert told == {
            "aid": "rtn_data", "data": [{"quotes": {"a": {"last": 3}, "b": {}}}, {"x": {"y": None}}, {"x": {"y": {"z": 1}}}],
        }  # fmt: skip

    asyncio.run(story())


def test_notices_are_told_together_in_a_patch_of_their_own() -> None:
    async def story() -> None:
        outlet = Outlet()
        outlet.add({"notify": {"n1": {"code": 1}}})
        outlet.add({"trade": {"alice": {"orders": {}}}})
        outlet.add({"notify": {"n2": {"code": 2}}})
        outlet.peek()
        assert json.loads(await outlet.next())["data"] == [
            {"notify": {"n1": {"code": 1}, "n2": {"code": 2}}}, {"trade": {"alice": {"orders": {}}}},
        ]  # fmt: skip
        outlet.add({"notify": {"n3": {"code": 3}}})
        outlet.peek()
        assert json.loads(await outlet.next())["data"] == [{"notify": {"n3": {"code": 3}}}]
        # Who never asks is kept the newest thousand.
        for number in range(1_500):
            outlet.add({"notify": {f"m{number}": {"code": number}}})
        outlet.peek()
        told = json.loads(await outlet.next())["data"][0]["notify"]
        assert list(told) == [f"m{number}" for number in range(500, 1_500)]

    asyncio.run(story())


numbers = st.integers(0, 9)
inner = st.dictionaries(st.sampled_from("ab"), numbers, max_size=2)
values = numbers | inner | st.dictionaries(st.sampled_from("ab"), numbers | inner, max_size=2)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), values, max_size=3), max_size=6))
def test_conflated_patches_make_the_same_document(patches: list[dict[str, Any]]) -> None:
    plain: dict[str, Any] = {}
    outlet = Outlet()
    for patch in patches:
        merge(plain, patch)
        outlet.add(patch)
    if patches:
        outlet.peek()
        told: dict[str, Any] = {}
        for patch in json.loads(asyncio.run(outlet.next()))["data"]:
            merge(told, patch)
        assert told == plain


# Names


@given(st.text(min_size=1, max_size=MAX_ORDER_ID), st.sampled_from(["LIMIT", "ANY", "BEST", "FIVELEVEL"]))
def test_every_order_id_comes_back(order_id: str, price_type: str) -> None:
    token = client_order_id_of(order_id)
    assert check_id(token, "client_order_id") == token
    reference = reference_of(order_id, price_type)
    assert order_id_of(token, reference) == order_id
    assert len(reference) <= 256


def test_accounts_are_users() -> None:
    assert account_of("alice") == "alice"
    derived = account_of("张 三")
    assert derived == account_of("张 三") != account_of("李四")
    assert check_id(derived, "account")


def test_the_environment() -> None:
    found = addresses("127.0.0.1", 7788)
    assert found["TQ_TD_URL"] == "ws://127.0.0.1:7788/td"
    assert found["NO_PROXY"] == "127.0.0.1"


# Access


def test_without_users_any_name_and_with_them_only_theirs() -> None:
    free = Access({})
    assert free.user_of(free.login("anyone", "")) == "anyone"
    assert free.login("", "") == ""
    assert free.admits("")
    strict = Access({"al": "secret", "alice": "other"})
    assert strict.login("al", "") == strict.login("nobody", "") == strict.login("al", "other") == ""
    token = strict.login("al", "secret")
    assert Access({"alice": "other", "al": "secret"}).admits(token)
    assert not strict.admits("x.y.z")
    assert not strict.admits(token[:-2])
    assert strict.may_trade("al", "al", token)
    assert strict.may_trade("al001", "shinnytech001", token)
    assert not strict.may_trade("alice", "alice", token)
    assert not strict.may_trade("al", "al", "")


# Orders


def _asked(**more: Any) -> InsertOrder:
    plain = {
        "order_id": "o1", "exchange_id": "CFFEX", "instrument_id": "IF2501", "direction": "BUY", "volume": 2, "limit_price": 4500.2,
    }  # fmt: skip
    return msgspec.convert(plain | more, InsertOrder)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ({}, "LIMIT"),
        ({"time_condition": "IOC"}, "FAK"),
        ({"time_condition": "IOC", "volume_condition": "ALL"}, "FOK"),
        ({"price_type": "ANY", "time_condition": "IOC", "limit_price": None}, "MARKET"),
        ({"price_type": "BEST", "time_condition": "IOC", "limit_price": None}, "MARKET"),
    ],
)
def test_kinds_of_orders(words: dict[str, Any], kind: str) -> None:
    assert house_order(_asked(**words), IF)["order_type"] == kind


@pytest.mark.parametrize(
    "words",
    [
        {"price_type": "ANY"},
        {"price_type": "ANY", "time_condition": "IOC", "volume_condition": "ALL"},
        {"volume_condition": "ALL"},
        {"direction": "UP"},
        {"offset": "SIDEWAYS"},
        {"order_id": "x" * (MAX_ORDER_ID + 1)},
    ],
)
def test_what_no_exchange_has_is_refused(words: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        house_order(_asked(**words), IF)


def test_prices_are_the_clients_own_digits() -> None:
    assert house_order(_asked(limit_price=4500.2), IF)["price"] == Decimal("4500.2")


def _order(status: OrderStatus, traded: int = 0, reason: str = "") -> Order:
    intent = OrderIntent(
        client_order_id="o1", account="alice", symbol="IF2501", exchange=Exchange.CFFEX, side=Side.BUY, offset=Offset.OPEN,
        order_type=OrderType.LIMIT, price_ticks=22_501, volume_lots=5,
    )  # fmt: skip
    return Order(intent=intent, status=status, order_id="X-1", traded_lots=traded, reason=reason, inserted_ns=7)


def test_a_refused_order_has_no_exchange_id_and_a_cancelled_one_keeps_it() -> None:
    refused = order_record(_order(OrderStatus.REJECTED, reason="INSUFFICIENT_MONEY"), IF, "alice")
    assert (refused["status"], refused["exchange_order_id"], refused["volume_left"]) == ("FINISHED", "", 5)
    assert refused["last_msg"] == "CTP:资金不足"
    cancelled = order_record(_order(OrderStatus.CANCELLED, traded=2), IF, "alice")
    assert (cancelled["status"], cancelled["exchange_order_id"], cancelled["volume_left"]) == ("FINISHED", "X-1", 3)
    alive = order_record(_order(OrderStatus.SENDING), IF, "alice")
    assert (alive["status"], alive["limit_price"], alive["insert_date_time"]) == ("ALIVE", 4500.2, 7)


# A user


def _user() -> TradingUser:
    return TradingUser("alice", {"IF2501": IF, "rb2505": RB}.get, lambda order, instrument: 100.0)


def test_older_news_of_an_order_change_nothing() -> None:
    user = _user()
    for order in (
        _order(OrderStatus.PARTIAL, 2),
        _order(OrderStatus.OPEN),
        _order(OrderStatus.CANCELLED, 2),
        _order(OrderStatus.PARTIAL, 2),
    ):
        user.take_order(order)
    assert user.orders["o1"].status is OrderStatus.CANCELLED
    # A late fill of a finished order still counts.
    user.take_order(_order(OrderStatus.CANCELLED, 3))
    record = user.order_of("o1")
    assert record is not None
    assert record["volume_left"] == 2


def test_changes_are_told_once_and_together() -> None:
    user = _user()
    outlet = Outlet()
    user.outlets.add(outlet)
    user.take_order(_order(OrderStatus.PARTIAL, 2))
    trade = Trade(
        trade_id="T1", order_id="X-1", client_order_id="o1", account="alice", symbol="IF2501", exchange=Exchange.CFFEX,
        side=Side.BUY, offset=Offset.OPEN, price_ticks=22_500, volume_lots=2, time_ns=9, trading_day=20250106, fee="1.5",
    )  # fmt: skip
    user.take_trade(trade)
    user.take_trade(trade)
    held = Position(account="alice", symbol="IF2501", exchange=Exchange.CFFEX, side=Side.BUY, today_lots=2)
    user.value([held], Account(account="alice", deposit=Decimal(10)))
    patch = user.take_changes()
    assert patch is not None
    body = patch["trade"]["alice"]
    assert set(body) == {"orders", "trades", "positions", "accounts"}
    assert body["orders"]["o1"]["frozen_margin"] == 300
    assert body["trades"]["o1|T1"]["commission"] == 1.5
    assert user.take_changes() is None
    # Nothing held any more: the client is told zeros, not nothing.
    user.value([], None)
    gone = user.take_changes()
    assert gone is not None
    assert gone["trade"]["alice"]["positions"]["CFFEX.IF2501"]["pos_long_today"] == 0
    user.begin_day(20250106)
    user.begin_day(20250107)
    assert user.snapshot()["trade"]["alice"]["trades"] == {}
    assert user.snapshot()["trade"]["alice"]["trade_more_data"] is False


def test_money() -> None:
    record = account_record(Account(account="a", deposit=Decimal(100), fee=Decimal(1), margin=Decimal(20)), "alice")
    assert (record["balance"], record["available"], record["static_balance"]) == (99, 79, 100)
    short = Position(
        account="a", symbol="rb2505", exchange=Exchange.SHFE, side=Side.SELL, today_lots=1, yesterday_lots=1, frozen_today_lots=1,
        open_cost=Decimal(66_000), float_profit=Decimal(200), position_profit=Decimal(120),
    )  # fmt: skip
    position = position_record([short], RB, "alice")
    assert (position["pos_short_his"], position["pos_short_today"], position["volume_short_frozen_today"]) == (1, 1, 1)
    assert (position["last_price"], position["open_price_short"], position["open_price_long"]) == (3290, 3300, "-")
    # Sold at 3300 on the average, valued at 3296 yesterday, at 3290 now.
    assert (position["position_cost_short"], position["position_price_short"]) == (65_920, 3296)


# Quotes and instruments


def test_a_quote_before_the_first_tick_is_whole_and_dated() -> None:
    quote = opening_quote(STATES[0], "CFFEX.IF2501", 1_736_128_800_000_000_000)
    assert quote["datetime"] == "2025-01-06 10:00:00.000000"
    assert (quote["last_price"], quote["upper_limit"], quote["ask_volume1"]) == ("-", 4950.0, 0)
    assert changed(quote, quote | {"volume": 5}) == {"volume": 5}
    assert "NaN" not in json.dumps(quote)


def _service() -> InstrumentService:
    service = InstrumentService()
    service.set([future_info(state, load_catalog(), 20250106) for state in STATES])
    return service


def _found(answer: dict[str, Any]) -> list[str]:
    return [row["instrument_id"] for row in answer["result"]["multi_symbol_info"]]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ('instrument_id: ["CFFEX.IF2501", "CFFEX.IF9999"]', ["CFFEX.IF2501"]),
        ("class: [FUTURE]", ["CFFEX.IF2501", "SHFE.rb2505"]),
        ('class: [CONT], product_id: ["rb"]', ["KQ.m@SHFE.rb"]),
        ('class: [FUTURE], exchange_id: ["SHFE"], has_night: true, expired: false', ["SHFE.rb2505"]),
        ("class: [OPTION]", []),
        ("categories: [COAL]", []),
    ],
)
def test_contracts_are_found(asked: str, names: list[str]) -> None:
    query = f"query {{ multi_symbol_info({asked}) {{ ... on basic {{ instrument_id }} }} }}"
    assert _found(_service().answer(query, None)) == names


def test_variables_underlyings_and_nonsense() -> None:
    query = """query($names: [String]) { multi_symbol_info(instrument_id: $names) { ... on basic { instrument_id class }
        ... on future { expire_datetime margin trading_time { day night } max_limit_order_volume }
        ... on derivative { underlying { count edges { node { ... on basic { instrument_id } } } } } } }"""
    service = _service()
    future, main = service.answer(query, {"names": ["SHFE.rb2505", "KQ.m@SHFE.rb"]})["result"]["multi_symbol_info"]
    assert future["trading_time"]["night"] == [["21:00:00", "23:00:00"]]
    assert future["margin"] == pytest.approx(3300 * 10 * float(RB.product.margin_ratio))
    assert main["underlying"]["edges"][0]["node"] == {"instrument_id": "SHFE.rb2505"}
    assert service.underlying_of("KQ.m@SHFE.rb") == "SHFE.rb2505"
    for nonsense in ("", "{", "query { nothing }", "x" * 100_000):
        assert "error" in service.answer(nonsense, None)
    assert service.file()["SHFE.rb2505"]["price_tick"] == 1
    assert service.mains()["CFFEX.IF"] == [["20000101", "CFFEX.IF2501"]]


# What a former life left


def test_what_was_never_answered_is_known_again(tmp_path: Path) -> None:
    log = IntentLog(tmp_path / "diff-front-1-A.jsonl")
    for name in ("o1", "o2"):
        request = _asked(order_id=name)
        log.asked(name, intent_of(request, "alice", name), 1)
    log.answered("o1", {"success": True}, 2)
    log.close()
    with (tmp_path / "diff-front-1-A.jsonl").open("ab") as file:
        file.write(b'{"event":"asked","client_ord')
    assert read_unsettled(tmp_path.glob("*.jsonl")) == {"alice": [_asked(order_id="o2")]}
