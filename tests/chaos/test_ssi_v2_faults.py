"""What only SSI's V2 can do to the house: answers that promise nothing, refusals as events, one-time codes, numbered events, noise."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import msgspec
import pytest
from loguru import logger
from tests.patience import until
from tests.servers.ssi_v2_server import SsiV2Server
from tests.ssi_orders import BUY, PRICE, SELL, order, resolved, told, trades
from tests.ssi_world import ACCOUNTS, HASTE_S, SYMBOL, SsiWorld

from tradepit.trading.model.errors import OutcomeUnknown, Unavailable, VenueRefused
from tradepit.trading.model.order import Order
from tradepit.trading.model.report import DayReport, OrderReport
from tradepit.trading.model.terms import OrderStatus, OrderType


class World(SsiWorld):
    """SSI's V2, with the server's own handles."""

    server: SsiV2Server

    @property
    def notify_ids(self) -> list[str]:
        """From which event on whoever is joined asked to be told."""
        return [connection.headers["NotifyID"] for connection in self.server.hub.connections.values() if connection.started]

    def known(self, name: str, account: str = "A") -> Order:
        """The house's idea of an order."""
        return self.link.book.orders[account, name]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path, "v2")
    await world.open()
    yield world
    world.server.flowing.set()
    await world.leave()


async def test_a_refusal_that_comes_as_an_event_is_the_orders_answer(world: World) -> None:
    broker = await world.broker()
    refused = await broker.submit(order("c1", price=1), epoch=1)
    assert (refused.status, refused.reason) == (OrderStatus.REJECTED, "PRICE_OVER_LIMIT")
    assert "ERR500" in refused.message
    dead = await broker.submit(order("c2", kind=OrderType.ATC), epoch=1)
    assert (dead.status, dead.reason) == (OrderStatus.REJECTED, "NOT_TRADING_PERIOD")
    await broker.submit(order("c3", kind=OrderType.MOK), epoch=1)
    # Nobody refused it: there was nothing to trade with.
    await until(lambda: world.known("c3").status is OrderStatus.CANCELLED)


async def test_a_refusal_nobody_heard_is_found_in_ssis_audit(world: World) -> None:
    broker = await world.broker(timeout_s=HASTE_S)
    async with world.losing_an_answer():
        with pytest.raises(OutcomeUnknown):
            await broker.submit(order("c1", price=1), epoch=1)
        await world.restart()
        world.server._events.clear()
    broker = await world.broker()
    found = await resolved(broker, order("c1", price=1))
    assert (found.status, found.reason) == (OrderStatus.REJECTED, "PRICE_OVER_LIMIT")


async def test_a_refused_change_leaves_the_order_as_it_is(world: World) -> None:
    broker = await world.broker()
    await broker.submit(order("c1", lots=3), epoch=1)
    world.server.refusal = "Invalid Order Transition Error!"
    # Told at once: it does not wait until its patience is over.
    async with asyncio.timeout(25):
        for change in (broker.cancel("A", "c1", epoch=1), broker.reduce("A", "c1", 1, reduce_id="r1", epoch=1)):
            with pytest.raises(VenueRefused, match="Transition"):
                await change
    known = world.known("c1")
    assert (known.status, known.left_lots) == (OrderStatus.OPEN, 3)
    world.server.refusal = ""
    assert (await broker.cancel("A", "c1", epoch=1)).status is OrderStatus.CANCELLED


async def test_what_was_traded_before_a_cancel_stays_traded(world: World) -> None:
    broker = await world.broker()
    await broker.submit(order("c1", lots=3), epoch=1)
    world.server.trade(ACCOUNTS["B"], SELL, PRICE, 1)
    await until(lambda: world.known("c1").status is OrderStatus.PARTIAL)
    ended = await broker.cancel("A", "c1", epoch=1)
    assert (ended.status, ended.traded_lots, ended.left_lots) == (OrderStatus.CANCELLED, 1, 0)
    assert trades(await told(world), "c1") == [(PRICE, 1)]


async def test_events_are_told_again_from_where_the_house_was(world: World) -> None:
    broker = await world.broker()
    assert world.notify_ids == ["0"], "the first time the whole day is told"
    await broker.submit(order("c1", lots=3), epoch=1)
    heard = world.link._notified[1]
    await world.server.cut()
    world.server.trade(ACCOUNTS["B"], SELL, PRICE, 1)
    world.server.trade(ACCOUNTS["B"], SELL, PRICE - 2, 1)
    await until(lambda: world.known("c1").traded_lots == 2 and world.link.book.missing(("A", "c1")) == 0)
    assert int(world.notify_ids[0]) >= heard > 0
    journaled = world.link.book.notified[1]
    await world.restart()
    world.server.trade(ACCOUNTS["B"], SELL, PRICE, 1)
    await world.broker()
    assert int(world.notify_ids[-1]) == journaled, "and after a restart from what the journal holds"
    await until(lambda: world.known("c1").status is OrderStatus.FILLED and world.link.book.missing(("A", "c1")) == 0)
    reports = await told(world)
    assert trades(reports, "c1") == [(PRICE, 1)] * 3
    stages = [each.order.traded_lots for each in reports if isinstance(each, OrderReport) and each.order.client_order_id == "c1"]
    assert stages == sorted(stages), "nothing older is told after something newer"


async def test_a_one_time_code_is_used_once_and_another_is_asked_for_once(world: World) -> None:
    world.server.one_time = True
    world.server.otp = "111111"
    world.login = msgspec.structs.replace(world.login, otp="111111")
    broker = await world.broker()
    await broker.submit(order("c1"), epoch=1)
    await world.server.cut()
    await until(lambda: world.link.restarts >= 1 and world.link.ready)
    assert world.server.logins == 1, "a stream that ends costs no code"
    world.server.expire_tokens()
    await world.server.cut()
    await until(lambda: world.link.restarts >= 2 and world.link.ready)
    for _ in range(3):
        with pytest.raises(Unavailable) as refused:
            await broker.submit(order("c2"), epoch=1)
        assert type(refused.value) is Unavailable
    # Its orders wait for a code, and it sees what becomes of those that work.
    world.server.trade(ACCOUNTS["B"], SELL, PRICE, 1)
    await until(lambda: world.known("c1").traded_lots == 1)
    assert (await broker.account("A")).margin > 0
    assert (world.server.codes_tried, world.server.codes_sent, world.server.orders) == (1, 1, 1)
    world.server.otp = "222222"
    world.login = msgspec.structs.replace(world.login, otp="222222")
    assert (await broker.submit(order("c2"), epoch=1)).status is OrderStatus.OPEN
    assert (world.server.codes_tried, world.server.codes_sent, world.server.orders) == (2, 1, 2)


async def test_a_wrong_one_time_code_is_tried_once_and_what_happens_is_seen_without_one(world: World) -> None:
    world.server.one_time = True
    world.server.otp = "111111"
    world.login = msgspec.structs.replace(world.login, otp="999999")
    broker = await world.broker()
    for _ in range(3):
        with pytest.raises(Unavailable):
            await broker.submit(order("c1"), epoch=1)
    assert await broker.positions("A") == []
    assert (world.server.codes_tried, world.server.codes_sent) == (1, 1)
    world.login = msgspec.structs.replace(world.login, otp="111111")
    assert (await broker.submit(order("c1"), epoch=1)).status is OrderStatus.OPEN
    assert (world.server.codes_tried, world.server.orders) == (2, 1)
    stranger = world.dialect()
    world.login = msgspec.structs.replace(world.login, api_secret="another's")
    with pytest.raises(Unavailable):
        await stranger.funds(ACCOUNTS["A"])
    await stranger.close()


async def test_a_hub_that_refuses_a_token_in_words_has_another_the_next_time(world: World) -> None:
    broker = await world.broker()
    await broker.submit(order("c1"), epoch=1)
    # Questions take the token that the hub does not: nobody else finds out.
    refused = set(world.server.handed_out)
    world.server.hub._allows = lambda request: request.headers["Authorization"].removeprefix("Bearer ") not in refused
    world.server.hub.refuses_in_words = True
    logins = world.server.logins
    await world.server.cut()
    world.server.trade(ACCOUNTS["B"], SELL, PRICE, 2)
    await until(lambda: world.known("c1").status is OrderStatus.FILLED and world.link.ready)
    assert world.server.logins == logins + 1


async def test_a_token_is_renewed_before_its_time_and_a_failure_to_do_so_costs_nothing(world: World) -> None:
    world.server.token_life_s = 2400
    broker = await world.broker()
    await broker.account("A")
    assert world.server.logins == 1
    world.server.token_life_s = 1200
    await world.restart()
    broker = await world.broker()
    # It has less than half an hour left: the next is fetched at once, and no more often than once a minute.
    assert world.server.logins == 3
    good, world.login = world.login, msgspec.structs.replace(world.login, otp="wrong")
    world.link.dialect.rest.login._not_before_ns = 0  # type: ignore[attr-defined]  # the dialect is V2's
    await broker.account("A")
    assert world.server.logins == 4, "it was refused, and the old one is good for a while"
    world.login = good
    assert (await broker.submit(order("c1"), epoch=1)).status is OrderStatus.OPEN


async def test_noise_from_the_hub_is_survived_and_said_so(world: World) -> None:
    broker = await world.broker()
    await broker.submit(order("c1"), epoch=1)
    heard: list[str] = []
    sink = logger.add(heard.append, level="WARNING", format="{message}")
    try:
        hub = world.server.hub
        await hub.say("no frame")
        await hub.call("Error", "something of SSI's")
        await hub.call("Broadcast", "no JSON")
        await hub.call("Broadcast", json.dumps({"type": "orderMatchEvent", "data": {"matchQty": -1}}))
        await hub.call("Broadcast", json.dumps({"type": "orderEvent", "data": "text"}))
        await hub.call("Broadcast", json.dumps({"type": "clientPortfolioEvent", "data": {}}))
        row = world.server._row(world.server.venue.orders(ACCOUNTS["A"])[0])
        await hub.call("Broadcast", json.dumps({"type": "orderEvent", "data": row | {"orderStatus": "ZZ"}}))
        await hub.call(
            "Broadcast",
            json.dumps({"type": "orderEvent", "data": row | {"instrumentID": "GOLD", "orderID": "7", "uniqueID": "7"}}),
        )
        await broker.submit(order("c2", SELL, account="B"), epoch=1)
        await until(lambda: world.known("c1").status is OrderStatus.FILLED)
    finally:
        logger.remove(sink)
    text = "".join(heard)
    assert text.count("INVALID_REQUEST") >= 4
    assert "unknown order status 'ZZ'" in text
    assert world.link.restarts == 0


@pytest.mark.parametrize("word", ["ZZ", "RS"])
async def test_an_order_ssi_lists_in_a_word_that_says_nothing_is_not_given_up(world: World, word: str) -> None:
    broker = await world.broker(timeout_s=HASTE_S)
    async with world.losing_an_answer():
        with pytest.raises(OutcomeUnknown):
            await broker.submit(order("c1"), epoch=1)
        await world.restart()
        world.server._events.clear()
        world.server.words = {OrderStatus.OPEN: word}
    broker = await world.broker()
    await asyncio.sleep(2 * world.link.timing.settle_s)
    for _ in range(3):
        with pytest.raises(OutcomeUnknown):
            await broker.resolve(order("c1").intent, epoch=1)
    world.server.words = {}
    assert (await resolved(broker, order("c1"))).status is OrderStatus.OPEN
    assert world.server.orders == 1


async def test_a_list_that_cannot_be_read_stops_trading_and_voids_nothing(world: World) -> None:
    broker = await world.broker(timeout_s=HASTE_S)
    async with world.losing_an_answer():
        with pytest.raises(OutcomeUnknown):
            await broker.submit(order("c1"), epoch=1)
        await world.restart()
        world.server._events.clear()
        world.server.garbled = True
    joining = asyncio.ensure_future(world.broker())
    await until(lambda: world.link.restarts >= 2)
    assert not world.link.ready
    assert world.link.book.orders == {}
    world.server.garbled = False
    assert (await resolved(await joining, order("c1"))).status is OrderStatus.OPEN


async def test_an_order_of_yesterday_that_history_may_hold_without_its_name_stays_in_doubt(world: World) -> None:
    broker = await world.broker(timeout_s=HASTE_S)
    async with world.losing_an_answer():
        with pytest.raises(OutcomeUnknown):
            await broker.submit(order("c1", lots=3), epoch=1)
        await world.restart()
        world.clock.pass_hours(24)
        # It ended overnight, and events are those of a day.
        world.server._today(ACCOUNTS["A"])
        world.server._events.clear()
    broker = await world.broker()
    for _ in range(3):
        with pytest.raises(OutcomeUnknown):
            await broker.resolve(order("c1", lots=3).intent, epoch=1)
    assert (await resolved(broker, order("never", BUY, 9))).reason == "NOT_SENT"


async def test_ids_are_eight_digits_that_nobody_used(world: World) -> None:
    broker = await world.broker()
    number, day = ACCOUNTS["A"], world.link.trading_day
    taken = world.link.dialect.request_id(number, "c1", day, ())
    world.link.book._by_change[taken] = ("A", "another")
    await broker.submit(order("c1"), epoch=1)
    sent_as = world.link.book.request_of(("A", "c1"))
    assert sent_as == str(int(taken) + 1)
    await world.restart()
    await world.broker()
    assert world.link.book.request_of(("A", "c1")) == sent_as
    assert world.server.denied == 0


async def test_before_the_days_prices_are_known_the_last_close_is_the_reference(world: World) -> None:
    world.server.bare_days.add(date(2025, 1, 6))
    broker = await world.broker()
    listing = await broker.find(SYMBOL)
    assert listing is not None
    assert (int(listing.pre_settlement), listing.lower_limit_ticks, listing.upper_limit_ticks) == (1340, 12_462, 14_338)


async def test_in_the_evening_the_days_orders_are_still_in_its_list(world: World) -> None:
    broker = await world.broker()
    await broker.submit(order("c1", lots=3), epoch=1)
    await world.restart()
    world.server.trade(ACCOUNTS["B"], SELL, PRICE, 2)
    world.clock.pass_hours(13)
    await world.broker()
    assert world.link.trading_day == 20250107
    await until(lambda: world.link.book.trading_day == 20250107 and world.link.book.missing(("A", "c1")) == 0)
    reports = await told(world)
    (day,) = [report for report in reports if isinstance(report, DayReport)]
    ended = [
        report.order
        for report in reports
        if isinstance(report, OrderReport) and report.order.client_order_id == "c1" and report.sequence < day.sequence
    ]
    assert (ended[-1].status, ended[-1].traded_lots) == (OrderStatus.EXPIRED, 2)
    assert trades(reports, "c1") == [(PRICE, 2)]


async def test_a_reduction_leaves_a_price_that_was_changed_elsewhere(world: World) -> None:
    broker = await world.broker()
    await broker.submit(order("c1", lots=3), epoch=1)
    name = world.link.book.request_of(("A", "c1"))
    world.server.prices[name] = 1339.5
    await world.restart()
    broker = await world.broker()
    assert (await broker.reduce("A", "c1", 1, reduce_id="r1", epoch=1)).left_lots == 2
    assert world.server.repriced == 0


async def test_numbers_of_events_that_begin_anew_are_followed(world: World) -> None:
    broker = await world.broker()
    await broker.submit(order("c1"), epoch=1)
    world.server._notified = 0
    world.server._events.clear()
    await broker.submit(order("c2", price=PRICE - 1), epoch=1)
    await until(lambda: world.known("c2").status is OrderStatus.OPEN and world.link._notified[1] <= 2)
    await world.server.cut()
    world.server.trade(ACCOUNTS["B"], SELL, PRICE, 2)
    await until(lambda: world.known("c1").status is OrderStatus.FILLED and world.link.book.missing(("A", "c1")) == 0)
    assert int(world.notify_ids[0]) <= 2
    assert trades(await told(world), "c1") == [(PRICE, 2)]


async def test_who_asks_again_and_again_does_not_use_up_what_ssi_admits(world: World) -> None:
    broker = await world.broker(timeout_s=HASTE_S)
    world.link.timing = msgspec.structs.replace(world.link.timing, settle_s=60, look_s=60, poll_s=60)
    await asyncio.sleep(0.2)
    world.server.holds_back = True
    async with world.losing_an_answer():
        with pytest.raises(OutcomeUnknown):
            await broker.submit(order("c1"), epoch=1)
        world.server._events.clear()
        await world.server.cut()
        await until(lambda: world.link.restarts >= 1)
    await until(lambda: world.link.ready)
    lists = world.server.lists
    for _ in range(20):
        with contextlib.suppress(OutcomeUnknown):
            await broker.resolve(order("c1").intent, epoch=1)
    assert world.server.lists == lists


async def test_an_order_that_waits_for_its_turn_is_not_given_up(world: World) -> None:
    broker = await world.broker(timeout_s=5)
    world.link.dialect.rest._http._free_ns = world.clock.monotonic_ns() + 1_000_000_000  # type: ignore[attr-defined]  # V2's
    sending = asyncio.ensure_future(broker.submit(order("c1"), epoch=1))
    await until(lambda: ("A", "c1") in world.link.on_its_way)
    world.link.sent_ns["A", "c1"] -= 60_000_000_000
    with pytest.raises(OutcomeUnknown):
        await broker.resolve(order("c1").intent, epoch=1)
    assert (await sending).status is OrderStatus.OPEN
