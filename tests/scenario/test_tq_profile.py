"""The broker connect end to end on a memory bus: raw JSON of the documents in, the exchange behind it, rows, keys and events out."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal

import msgspec
import pytest
from tests.tq_house import PORTFOLIO, Flaky, TqHouse, eventually

from tradepit.profiles import tq as tq_profile
from tradepit.profiles import tq_flat as flat_profile
from tradepit.trading.model.errors import OutcomeUnknown, Unavailable, VenueRefused
from tradepit.wire import tq, tq_flat

RB = "SHFE.rb2505"


@pytest.fixture
async def house() -> AsyncIterator[TqHouse]:
    house = TqHouse(tq_profile.ROLES, tq.contract(PORTFOLIO))
    await house.start()
    yield house
    await house.stop()


@pytest.fixture
async def flat() -> AsyncIterator[TqHouse]:
    house = TqHouse(flat_profile.ROLES, tq_flat.contract(PORTFOLIO), one_login=True)
    await house.start()
    yield house
    await house.stop()


async def hold(house: TqHouse, lots: int, name: str, symbol: str = RB, price: float = 3500.0) -> None:
    """Own ``lots`` more, long."""
    await house.submit(name, symbol=symbol, volume=lots, limit_price=price)
    await house.row(name, kind="NEW")
    await house.exchange.trade_against(symbol, "SELL", lots)
    await house.row(name, kind="COMPLETE_FILL")


async def test_open_partial_and_complete_fill(house: TqHouse) -> None:
    await house.submit("o1")
    row = await house.row("o1", kind="NEW")
    assert (row.status, row.symbol, row.side, row.offset, row.left_lots) == ("ALIVE", RB, "BUY", "OPEN", 10)
    await house.exchange.trade_against(RB, "SELL", 4)
    row = await house.row("o1", kind="PARTIAL_FILL")
    assert (row.filled_lots, row.left_lots, row.trade_price) == (4, 6, Decimal(3500))
    await house.exchange.trade_against(RB, "SELL", 6)
    row = await house.row("o1", kind="COMPLETE_FILL")
    assert (row.status, row.finished, row.filled_lots, row.left_lots) == ("FINISHED", True, 10, 0)
    assert house.rows.kinds("o1") == ["NEW", "PARTIAL_FILL", "COMPLETE_FILL"]
    await house.key(tq.position_key(PORTFOLIO, RB), b"10")
    breakdown = json.loads(await house.cache.get(tq.breakdown_key(PORTFOLIO, RB)) or b"")
    assert breakdown == {"pos_long_today": 10, "pos_long_his": 0, "pos_short_today": 0, "pos_short_his": 0,
                         "pos_long": 10, "pos_short": 0}  # fmt: skip
    await eventually(lambda: house.services[tq.ACCOUNT_HANDLER].health().figures["kept"])
    account = json.loads(await house.cache.get(tq.account_key(PORTFOLIO)) or b"")
    assert list(account) == ["balance", "available", "margin", "float_profit", "position_profit", "risk_ratio"]


async def test_a_close_is_split_into_today_and_yesterday(house: TqHouse) -> None:
    await hold(house, 3, "o1")
    await house.exchange.next_day()
    await hold(house, 5, "o2")
    await house.submit("c1", direction="SELL", offset="CLOSE", volume=7)
    parent = await house.row("c1", kind="NEW")
    today, yesterday = await house.row("c1_closetoday", kind="NEW"), await house.row("c1_close", kind="NEW")
    assert (today.offset, today.volume_lots) == ("CLOSETODAY", 5)
    assert (yesterday.offset, yesterday.volume_lots) == ("CLOSE", 2)
    assert (parent.offset, parent.volume_lots, parent.status) == ("CLOSE", 7, "ALIVE")
    await house.exchange.trade_against(RB, "BUY", 6)
    await house.row("c1", kind="PARTIAL_FILL")
    await eventually(lambda: house.rows.rows["c1"].filled_lots == 6)
    await house.cancel("c1")
    parent = await house.row("c1", kind="CANCELLED")
    assert (parent.status, parent.filled_lots, parent.left_lots, parent.trade_price) == ("FINISHED", 6, 1, Decimal(3500))
    await house.key(tq.position_key(PORTFOLIO, RB), b"2")
    assert house.dead == []


async def test_closes_beyond_what_is_free_are_refused_with_a_code(house: TqHouse) -> None:
    await hold(house, 3, "o1")
    await house.submit("c1", direction="SELL", offset="CLOSE", volume=2)
    await house.submit("c2", direction="SELL", offset="CLOSE", volume=2)
    await house.submit("c3", direction="SELL", offset="CLOSETODAY", volume=9)
    row = await house.row("c2", kind="REJECTED")
    assert (row.status, row.filled_lots) == ("FINISHED", 0)
    assert json.loads((await house.rows.events("c2"))[0].body)["reason"] == "OVER_CLOSE_POSITION"
    await house.row("c3", kind="REJECTED")
    assert json.loads((await house.rows.events("c3"))[0].body)["reason"] == "OVER_CLOSETODAY"
    await house.cancel("c1")
    await house.row("c1", kind="CANCELLED")
    # The same request again has the same answer, although there would be room now.
    await house.submit("c2", direction="SELL", offset="CLOSE", volume=2)
    await house.submit("c4", direction="SELL", offset="CLOSE", volume=3)
    assert (await house.row("c4_closetoday", kind="NEW")).volume_lots == 3
    assert house.rows.kinds("c2") == ["REJECTED"]
    assert house.dead == []


async def test_an_unknown_position_is_not_guessed(house: TqHouse) -> None:
    await hold(house, 3, "o1")
    broker = Flaky(house.brokers["tq_order_submitter-1"])
    await house.services[tq.ORDER_SUBMITTER].stop()
    house.brokers["tq_order_submitter-1"] = broker
    broker.mishaps["positions"] = [Unavailable("away")]
    await house.start_one(tq.ORDER_SUBMITTER, "tq_order_submitter-1")
    await house.submit("c1", direction="SELL", offset="CLOSE", volume=1)
    await house.row("c1", kind="REJECTED")
    assert json.loads((await house.rows.events("c1"))[0].body)["reason"] == "POSITION_UNKNOWN"
    await house.submit("c2", direction="SELL", offset="CLOSE", volume=1)
    await house.row("c2", kind="NEW")


async def test_an_id_without_room_for_a_childs_suffix(house: TqHouse) -> None:
    name = "a" * 60
    await hold(house, 3, "o1")
    await house.submit(name, direction="SELL", offset="CLOSE", volume=1)
    await eventually(lambda: house.rows.kinds(name) == ["REJECTED"])
    assert house.dead[0].headers[tq.REASON_HEADER] == "ID_NOT_VALID"
    await house.submit("c1", direction="SELL", offset="CLOSE", volume=3)
    await house.row("c1", kind="NEW")


async def test_an_order_that_is_too_old_is_refused_where_that_is_asked_for(house: TqHouse) -> None:
    await house.services[tq.ORDER_SUBMITTER].stop()
    house.settings = msgspec.structs.replace(house.settings, max_age_s=5.0)
    await house.start_one(tq.ORDER_SUBMITTER, "tq_order_submitter-1")
    await house.submit("o1")
    await house.row("o1", kind="REJECTED")
    assert json.loads((await house.rows.events("o1"))[0].body)["reason"] == "STALE_INTENT"


async def test_an_exchange_without_buckets_gets_the_close_as_it_is(house: TqHouse) -> None:
    await hold(house, 2, "i1", "CFFEX.IF2501", 3900.0)
    await house.submit("i2", symbol="CFFEX.IF2501", direction="SELL", offset="CLOSE", volume=2, limit_price=3900.0)
    row = await house.row("i2", kind="NEW")
    assert (row.offset, row.limit_price) == ("CLOSE", Decimal(3900))
    assert "i2_closetoday" not in house.rows.rows


async def test_an_order_told_twice_is_sent_once_and_an_id_used_twice_is_buried(house: TqHouse) -> None:
    for _ in range(3):
        await house.submit("o1")
    await house.submit("o1", volume=11)
    await eventually(lambda: house.dead)
    assert house.dead[0].headers[tq.REASON_HEADER] == "DUPLICATE_ID"
    assert house.dead[0].headers[tq.QUEUE_HEADER] == "tq_order_submit_requests"
    await house.row("o1", kind="NEW")
    assert house.rows.kinds("o1") == ["NEW"]
    broker = house.brokers["tq_order_submitter-1"]
    assert sum(1 for update in house.updates if update["order_id"] == "o1") == 1
    order = await broker.query(PORTFOLIO, "o1")
    assert order is not None
    assert order.intent.volume_lots == 10


async def test_the_exchanges_refusal_becomes_an_event(house: TqHouse) -> None:
    await house.submit("o1", limit_price=99_000.0)
    row = await house.row("o1", kind="REJECTED")
    assert (row.status, row.exchange_order_id) == ("FINISHED", None)
    assert json.loads((await house.rows.events("o1"))[0].body)["reason"] == "PRICE_OVER_LIMIT"
    assert house.rows.kinds("o1") == ["REJECTED"]


async def test_bad_messages_are_buried_with_their_reason_and_nobody_dies(house: TqHouse) -> None:
    bad = [b"", b"{", b"[]", b"\xff", b"x" * 70_000, b'{"type":"BUY","payload":{}}']
    for payload in bad:
        await house.bus.publish("tq_order_submit_requests", payload)
        await house.bus.publish("tq_order_cancel_requests", payload)
        for route in (house.contract.order_updates, house.contract.position_updates, house.contract.account_updates):
            await house.bus.publish(route.channel.subject, payload)
    await house.submit("b1", volume=0)
    await house.submit("b2", limit_price=3500.5)
    await house.submit("b3", symbol="SHFE.rb9999")
    await house.submit("b4", portfolio_id="somebody")
    await house.cancel("nobody")
    await eventually(lambda: len(house.dead) >= 5 * len(bad) + 5, str(len(house.dead)))
    codes = {"b1": "VOLUME_NOT_VALID", "b2": "PRICE_WRONG_TICK", "b3": "INSTRUMENT_NOT_FOUND"}
    for name, code in codes.items():
        await eventually(lambda name=name: house.rows.kinds(name) == ["REJECTED"])  # type: ignore[misc]  # a default binds the name
        assert json.loads((await house.rows.events(name))[0].body)["reason"] == code
        assert name not in house.rows.rows
    assert house.rows.kinds("b4") == []
    reasons = {message.headers[tq.REASON_HEADER] for message in house.dead}
    assert {*codes.values(), "INVALID_REQUEST", "PAYLOAD_TOO_LARGE", "ORDER_NOT_FOUND"} == reasons
    await house.submit("o1")
    await house.row("o1", kind="NEW")
    assert all(service.health().ready for service in house.services.values())


async def test_a_cancel_that_overtakes_its_order_in_an_outage_is_done_when_the_order_comes(house: TqHouse) -> None:
    await house.services[tq.ORDER_SUBMITTER].stop()
    await house.submit("o1", limit_price=3400.0)
    await house.cancel("o1")
    await house.submit("o2", limit_price=3400.0)
    canceller = house.services[tq.ORDER_CANCELLER]
    await eventually(lambda: canceller.health().figures["handed_on"] == 1, "handed on")
    await house.start_one(tq.ORDER_SUBMITTER, "tq_order_submitter-1")
    await house.row("o1", kind="CANCELLED")
    row = await house.row("o2", kind="NEW")
    assert (row.finished, house.dead) == (False, [])


async def test_a_lost_answer_is_asked_for_and_never_sent_again(house: TqHouse) -> None:
    await house.services[tq.ORDER_SUBMITTER].stop()
    broker = Flaky(house.brokers["tq_order_submitter-1"])
    house.brokers["tq_order_submitter-1"] = broker
    broker.late["submit"] = [OutcomeUnknown("no answer")]
    await house.start_one(tq.ORDER_SUBMITTER, "tq_order_submitter-1")
    await house.submit("o1")
    await house.row("o1", kind="NEW")
    submitter = house.services[tq.ORDER_SUBMITTER]
    await eventually(lambda: submitter.health().figures["in_doubt"] == 0)
    assert broker.calls.count("submit") == 1
    # One that never arrived is voided: it did not trade and never will, and its sender is told.
    broker.mishaps["submit"] = [OutcomeUnknown("no answer")]
    await house.submit("o2")
    row = await house.row("o2", kind="REJECTED")
    assert row.finished
    assert broker.calls.count("submit") == 2


async def test_a_submitter_that_dies_forgets_nothing(house: TqHouse) -> None:
    await hold(house, 3, "o1")
    await house.submit("c1", direction="SELL", offset="CLOSE", volume=2)
    await house.row("c1", kind="NEW")
    await house.services[tq.ORDER_SUBMITTER].stop()
    await house.exchange.trade_against(RB, "BUY", 1)
    await house.submit("c1", direction="SELL", offset="CLOSE", volume=2)
    await house.submit("c2", direction="SELL", offset="CLOSE", volume=2)
    await house.start_one(tq.ORDER_SUBMITTER, "tq_order_submitter-1")
    assert (await house.row("c1", kind="PARTIAL_FILL")).filled_lots == 1
    await house.row("c2", kind="REJECTED")
    assert house.rows.kinds("c1") == ["NEW", "PARTIAL_FILL"]
    # The trade of before the start is asked for again: the parent knows its price, now and after the next fill.
    await house.exchange.trade_against(RB, "BUY", 1)
    assert (await house.row("c1", kind="COMPLETE_FILL")).trade_price == Decimal(3500)


async def test_a_submitter_whose_broker_is_not_logged_in_yet_waits_for_it(house: TqHouse) -> None:
    instance = "tq_order_submitter-1"
    await house.services[tq.ORDER_SUBMITTER].stop()
    await house.submit("o1")
    flaky = house.brokers[instance] = Flaky(house.brokers[instance])
    flaky.mishaps["instruments"] = [Unavailable("not connected")] * 2
    await house.start_one(tq.ORDER_SUBMITTER, instance)
    await house.row("o1", kind="NEW")
    assert flaky.mishaps["instruments"] == []
    # A login that another submitter led before begins only with the session of the new one.
    assert flaky.calls.index("open_session") < flaky.calls.index("instruments")


async def test_an_order_does_not_wait_for_the_answer_of_the_one_before(house: TqHouse) -> None:
    """But a close does: it is judged by the position that the orders before it lead to."""
    instance = "tq_order_submitter-1"
    await house.services[tq.ORDER_SUBMITTER].stop()
    flaky = house.brokers[instance] = Flaky(house.brokers[instance])
    await house.start_one(tq.ORDER_SUBMITTER, instance)
    await house.submit("first", limit_price=3400.0)
    await house.row("first", kind="NEW")
    await house.exchange.trade_against(RB, "SELL", 3)
    flaky.calls.clear()
    flaky.slow_s = 0.3
    for number in range(3):
        await house.submit(f"o{number}", volume=1)
    await house.submit("c1", direction="SELL", offset="CLOSE", volume=3, limit_price=3510.0)
    figures = house.services[tq.ORDER_SUBMITTER].health
    await eventually(lambda: figures().figures["unanswered"] == 3)
    assert flaky.calls.count("submit") == 3
    assert flaky.calls.count("positions") == 0
    flaky.slow_s = 0.0
    row = await house.row("c1", kind="NEW")
    assert (row.volume_lots, row.status) == (3, "ALIVE")
    assert figures().figures["unanswered"] == 0
    for number in range(3):
        await house.row(f"o{number}", kind="COMPLETE_FILL")


async def test_a_refusal_that_comes_late_is_told_and_buried(house: TqHouse) -> None:
    instance = "tq_order_submitter-1"
    await house.services[tq.ORDER_SUBMITTER].stop()
    flaky = house.brokers[instance] = Flaky(house.brokers[instance])
    flaky.slow_s = 0.05
    await house.start_one(tq.ORDER_SUBMITTER, instance)
    flaky.mishaps["submit"] = [VenueRefused("ACCOUNT_NOT_FOUND")]
    await house.submit("o1")
    await eventually(lambda: house.dead)
    assert house.dead[0].headers[tq.REASON_HEADER] == "ACCOUNT_NOT_FOUND"
    await eventually(lambda: "REJECTED" in house.rows.kinds("o1"))


async def test_a_second_submitter_takes_the_first_ones_place(house: TqHouse) -> None:
    first = house.services[tq.ORDER_SUBMITTER]
    second = await house.start_one(tq.ORDER_SUBMITTER, "tq_order_submitter-1")
    for number in range(4):
        await house.submit(f"o{number}")
    await eventually(lambda: house.failures)
    await first.stop()
    for number in range(4):
        await house.row(f"o{number}", kind="NEW")
        assert house.rows.kinds(f"o{number}") == ["NEW"]
    assert not first.health().ready
    assert second.health().ready


async def test_a_store_that_is_away_loses_nothing(house: TqHouse) -> None:
    house.rows.down = 3
    await house.submit("o1")
    await house.row("o1", kind="NEW")
    assert house.services[tq.ORDER_HANDLER].health().figures["tried_again"] == 3
    assert house.dead == []


async def test_cancels_pass_submits_over_and_the_other_way_round(house: TqHouse) -> None:
    await house.submit("o1")
    await house.row("o1", kind="NEW")
    cancel = {"type": "CANCEL", "request_id": "r", "timestamp": "", "payload": {"order_id": "o1", "portfolio_id": PORTFOLIO}}
    await house.send(cancel)
    await eventually(lambda: house.services[tq.ORDER_SUBMITTER].health().figures["passed_over"] == 1)
    assert house.rows.kinds("o1") == ["NEW"]
    for _ in range(2):
        await house.cancel("o1")
    await house.row("o1", kind="CANCELLED")
    await eventually(lambda: house.services[tq.ORDER_CANCELLER].health().figures["done"] == 2)
    assert house.dead == []


async def test_flat_orders_and_cancels_share_a_queue(flat: TqHouse) -> None:
    body = {"symbol": RB, "direction": "BUY", "offset": "OPEN", "volume": 2, "limit_price": 3500.0, "order_id": "f1",
            "portfolio_id": PORTFOLIO}  # fmt: skip
    await flat.send(body)
    await flat.row("f1", kind="NEW")
    await flat.exchange.trade_against(RB, "SELL", 2)
    await flat.row("f1", kind="COMPLETE_FILL")
    await flat.send({**body, "direction": "SELL", "offset": "CLOSE", "order_id": "f2", "limit_price": 3510.0})
    await flat.row("f2", kind="NEW")
    await flat.send({"action": "CANCEL", "type": "order_id", "order_id": "f2", "portfolio_id": PORTFOLIO})
    await flat.row("f2", kind="CANCELLED")
    await flat.send({"action": "CANCEL", "order_id": "unheard-of", "portfolio_id": PORTFOLIO})
    await eventually(lambda: flat.dead)
    assert flat.dead[0].headers[tq.REASON_HEADER] == "ORDER_NOT_FOUND"
    # Enveloped ones are taken there too.
    await flat.submit("e1")
    await flat.row("e1", kind="NEW")


async def test_stopping_takes_nothing_new_and_closes_everything(house: TqHouse) -> None:
    await house.submit("o1")
    await house.row("o1", kind="NEW")
    for service in reversed(house.services.values()):
        await service.stop()
        await service.stop()
    assert not house.rows.open
    await house.submit("o2")
    await asyncio.sleep(0.05)
    assert await house.brokers["tq_order_monitor-1"].query(PORTFOLIO, "o2") is None
    await house.start_one(tq.ORDER_SUBMITTER, "tq_order_submitter-1")
    await house.start_one(tq.ORDER_MONITOR, "tq_order_monitor-1")
    await house.start_one(tq.ORDER_HANDLER, "tq_order_handler-1")
    await house.row("o2", kind="NEW")
    assert house.rows.kinds("o1") == ["NEW"]


async def test_a_position_closed_while_its_monitor_was_away_does_not_stay(house: TqHouse) -> None:
    await hold(house, 3, "o1")
    await house.key(tq.position_key(PORTFOLIO, RB), b"3")
    await house.crash(tq.POSITION_MONITOR)
    await house.submit("c1", direction="SELL", offset="CLOSE", volume=3)
    await house.row("c1", kind="NEW")
    await house.exchange.trade_against(RB, "BUY", 3)
    await house.row("c1", kind="COMPLETE_FILL")
    assert await house.cache.get(tq.position_key(PORTFOLIO, RB)) == b"3"
    await house.start_one(tq.POSITION_MONITOR, "tq_position_monitor-1")
    await house.key(tq.position_key(PORTFOLIO, RB), b"0")


async def test_a_cache_that_lost_its_keys_has_them_again_at_once(house: TqHouse) -> None:
    await hold(house, 3, "o1")
    await house.key(tq.position_key(PORTFOLIO, RB), b"3")
    names = tq.position_key(PORTFOLIO, RB), tq.breakdown_key(PORTFOLIO, RB), tq.account_key(PORTFOLIO)

    async def has_all() -> bool:
        return None not in [await house.cache.get(name) for name in names]

    for lost in (False, True):
        for name in names if lost else ():
            await house.cache.delete(name)
        async with asyncio.timeout(5):
            while not await has_all():  # noqa: ASYNC110 - a cache has no event for it
                await asyncio.sleep(0.01)


async def test_a_monitor_that_begins_anew_adds_no_event(house: TqHouse) -> None:
    await hold(house, 3, "o1")
    await house.services[tq.ORDER_MONITOR].stop()
    before = len(house.updates)
    await house.start_one(tq.ORDER_MONITOR, "tq_order_monitor-1")
    await eventually(lambda: len(house.updates) > before)
    await house.submit("o2")
    await house.row("o2", kind="NEW")
    assert house.rows.kinds("o1") == ["NEW", "COMPLETE_FILL"]
    assert msgspec.json.decode((await house.rows.events("o1"))[1].body)["trade_price"] == 3500.0


async def test_the_id_of_a_split_close_is_used(house: TqHouse) -> None:
    await hold(house, 3, "o1")
    await house.submit("c1", direction="SELL", offset="CLOSE", volume=2)
    await house.row("c1", kind="NEW")
    await house.submit("c1", direction="BUY", offset="OPEN", volume=2)
    await house.submit("c1", direction="SELL", offset="CLOSETODAY", volume=2)
    await eventually(lambda: len(house.dead) == 2, "both buried")
    assert {message.headers[tq.REASON_HEADER] for message in house.dead} == {"DUPLICATE_ID"}
    assert (house.rows.rows["c1"].offset, house.rows.kinds("c1")) == ("CLOSE", ["NEW"])
    assert await house.brokers["tq_order_monitor-1"].query(PORTFOLIO, "c1") is None


async def test_a_refused_request_that_comes_again_is_one_event(house: TqHouse) -> None:
    await house.submit("bad", limit_price=3500.5)
    await house.submit("worse", volume=0)
    for name in ("bad", "worse"):
        await eventually(lambda n=name: house.rows.kinds(n), name)  # type: ignore[misc]  # bound
    # What a killed submitter had told, and tells again seconds later with the message that was given back.
    for update in list(house.updates):
        again = msgspec.json.encode(update | {"timestamp": "2031-01-06T02:30:07Z"})
        await house.bus.publish(house.contract.order_updates.channel.subject, again)
    await hold(house, 1, "o1")
    assert (house.rows.kinds("bad"), house.rows.kinds("worse")) == (["REJECTED"], ["REJECTED"])
    assert house.rows.rows.keys() == {"o1"}


async def test_nonsense_under_the_id_of_an_order_does_not_tell_of_its_end(house: TqHouse) -> None:
    await house.submit("o1")
    await house.row("o1", kind="NEW")
    await house.submit("o1", limit_price=3500.5)
    await house.submit("o1", symbol="SHFE.xx2505")
    await eventually(lambda: len(house.dead) == 2, "both buried")
    await house.submit("o2")
    await house.row("o2", kind="NEW")
    assert house.rows.kinds("o1") == ["NEW"]
