"""SSI misbehaves, and the house dies and returns: no order is lost or sent twice, no fill is missed or counted twice."""

import contextlib
import os
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from loguru import logger
from tests.patience import until
from tests.servers.ssi_exchange import API_KEY, API_SECRET
from tests.ssi_orders import BUY, PRICE, SELL, order, resolved, told, trades
from tests.ssi_world import ACCOUNTS, HASTE_S, SYMBOL, SsiWorld

from tradepit.backends.broker.ssi.frames import ToldMatch
from tradepit.backends.broker.ssi.http import SsiLogin
from tradepit.trading.model.errors import OutcomeUnknown, TradepitError, Unavailable
from tradepit.trading.model.order import Order
from tradepit.trading.model.report import DayReport, OrderReport, TradeReport
from tradepit.trading.model.terms import OrderStatus, OrderType
from tradepit.trading.risk import review

SEEDS = [int(seed) for seed in os.environ.get("SSI_PLAY_SEEDS", "1,2,3").split(",")]
STEPS = int(os.environ.get("SSI_PLAY_STEPS", "30"))


@pytest.fixture(params=["v3", "v2"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SsiWorld]:
    world = SsiWorld(tmp_path, request.param)
    await world.open()
    yield world
    world.server.flowing.set()
    await world.leave()


async def test_an_order_whose_answer_is_lost_is_not_sent_again(world: SsiWorld) -> None:
    broker = await world.broker()
    world.server.lose_answers = 1
    with pytest.raises(OutcomeUnknown):
        await broker.submit(order("c1"), epoch=1)
    assert (await broker.submit(order("c1"), epoch=1)).status is OrderStatus.OPEN
    world.server.faults = 1
    with pytest.raises(OutcomeUnknown):
        await broker.submit(order("c2"), epoch=1)
    assert (await resolved(broker, order("c2"))).status is OrderStatus.OPEN
    assert world.server.orders == 2


async def test_the_house_dies_with_an_order_on_its_way(world: SsiWorld) -> None:
    broker = await world.broker(timeout_s=HASTE_S)
    async with world.losing_an_answer():
        with pytest.raises(OutcomeUnknown):
            await broker.submit(order("c1"), epoch=1)
        await world.restart()
    broker = await world.broker()
    assert (await resolved(broker, order("c1"))).status is OrderStatus.OPEN
    assert (await broker.submit(order("c1"), epoch=1)).status is OrderStatus.OPEN
    assert world.server.orders == 1


async def test_an_order_journaled_and_never_sent_is_given_up_after_the_restart(world: SsiWorld) -> None:
    broker = await world.broker()
    async with world.link.deciding:
        await broker._take(order("c1").intent, 1)
    await world.restart()
    broker = await world.broker()
    assert (await resolved(broker, order("c1"))).reason == "NOT_SENT"
    assert (await broker.submit(order("c1"), epoch=1)).status is OrderStatus.REJECTED
    assert world.server.orders == 0


async def test_too_many_requests_are_certainly_not_done_and_may_be_sent_again(world: SsiWorld) -> None:
    broker = await world.broker()
    world.server.too_many = 1
    with pytest.raises(Unavailable):
        await broker.submit(order("c1"), epoch=1)
    assert (await broker.submit(order("c1"), epoch=1)).status is OrderStatus.OPEN
    world.server.too_many = 1
    with pytest.raises(Unavailable):
        await broker.cancel("A", "c1", epoch=1)
    assert (await broker.cancel("A", "c1", epoch=1)).status is OrderStatus.CANCELLED
    assert world.server.orders == 1


async def test_a_token_that_ran_out_is_renewed_and_a_revoked_one_replaced(world: SsiWorld) -> None:
    broker = await world.broker()
    world.server.expire_tokens()
    assert (await broker.submit(order("c1"), epoch=1)).status is OrderStatus.OPEN
    # V2 renews nothing, it logs in again.
    logins, refreshes = (1, 1) if world.api == "v3" else (2, 0)
    assert (world.server.logins, world.server.refreshes) == (logins, refreshes)
    world.server.expire_tokens()
    world.server.revoke()
    assert (await broker.account("A")).frozen_margin > 0
    assert (world.server.logins, world.server.orders) == (logins + 1, 1)


async def test_refused_credentials_are_tried_once_and_again_when_they_change(world: SsiWorld) -> None:
    good = world.login
    world.login = msgspec.structs.replace(good, otp="111111")
    world.server.otp = "222222"
    broker = world.link
    await broker.join()
    await until(lambda: broker.restarts >= 3)
    assert (world.server.logins, broker.ready) == (1, False)
    world.login = msgspec.structs.replace(good, otp="222222")
    await until(lambda: broker.ready)
    assert world.server.logins == 2
    await broker.leave()


async def test_events_told_twice_are_counted_once(world: SsiWorld) -> None:
    broker = await world.broker()
    world.server.twice = True
    await broker.submit(order("c1"), epoch=1)
    await broker.submit(order("c2", SELL, account="B"), epoch=1)
    await until(lambda: world.link.book.missing(("A", "c1")) == 0 and not world.link.book.orders["A", "c1"].active)
    reports = await told(world)
    assert trades(reports, "c1") == trades(reports, "c2") == [(PRICE, 2)]


async def test_what_happens_while_the_stream_is_away_is_learned(world: SsiWorld) -> None:
    broker = await world.broker()
    await broker.submit(order("c1", lots=3), epoch=1)
    await broker.submit(order("c2", price=PRICE - 10), epoch=1)
    await world.close()
    world.server.trade(ACCOUNTS["B"], SELL, PRICE, 3)
    await world.open()
    await until(lambda: world.link.book.missing(("A", "c1")) == 0)
    reports = await told(world)
    assert trades(reports, "c1") == [(PRICE, 3)]
    assert world.link.book.orders["A", "c1"].status is OrderStatus.FILLED
    assert world.link.book.orders["A", "c2"].status is OrderStatus.OPEN
    foreign = {
        each.order.client_order_id for each in reports if isinstance(each, OrderReport) and each.order.intent.account == "B"
    }
    assert [name.startswith("SSI-") for name in foreign] == [True]


async def test_fills_that_are_not_told_follow_from_the_orders_figures_and_late_ones_are_not_added(world: SsiWorld) -> None:
    broker = await world.broker()
    await broker.submit(order("c1", SELL, 1, "B", PRICE), epoch=1)
    await broker.submit(order("c2", SELL, 2, "B", PRICE + 3), epoch=1)
    world.server.mute = True
    await broker.submit(order("c3", BUY, 3, "A", PRICE + 5), epoch=1)
    key = ("A", "c3")
    await until(lambda: world.link.book.orders[key].traded_lots == 3 and world.link.book.missing(key) == 0)
    assert trades(await told(world), "c3") == [(PRICE + 2, 3)], "the average of 13,400 once and 13,403 twice"
    request = world.link.book.request_of(key)
    late = ToldMatch(
        notify_id="late",
        client_request_id=request,
        account_no=ACCOUNTS["A"],
        order_id=world.link.book.orders[key].order_id,
        match_price=Decimal("1340.3"),
        match_qty=2,
    )
    for _ in range(2):
        await world.link.hear(late)
    await world.restart()
    await world.broker()
    await world.link.hear(late)
    assert sum(lots for _, lots in trades(await told(world), "c3")) == 3


async def test_reducing_twice_is_reducing_once_also_after_a_restart(world: SsiWorld) -> None:
    broker = await world.broker()
    await broker.submit(order("c1", lots=5), epoch=1)
    assert (await broker.reduce("A", "c1", 2, reduce_id="r1", epoch=1)).left_lots == 3
    await world.restart()
    broker = await world.broker()
    assert (await broker.reduce("A", "c1", 2, reduce_id="r1", epoch=1)).left_lots == 3
    assert (await broker.reduce("A", "c1", 9, reduce_id="r2", epoch=1)).status is OrderStatus.CANCELLED


async def test_every_type_of_the_continuous_session_goes_through_and_others_come_back_by_code(world: SsiWorld) -> None:
    broker = await world.broker()
    await broker.submit(order("s1", SELL, 3, "B"), epoch=1)
    for name, lots, kind in (("m1", 1, OrderType.MOK), ("m2", 1, OrderType.MAK), ("m3", 3, OrderType.MTL)):
        await broker.submit(order(name, lots=lots, kind=kind), epoch=1)
    orders = world.link.book.orders
    await until(lambda: orders["A", "m3"].traded_lots == 1 and orders["B", "s1"].status is OrderStatus.FILLED)
    assert [orders["A", name].status for name in ("m1", "m2", "m3")] == ["FILLED", "FILLED", "PARTIAL"]
    assert (await broker.submit(order("m4", kind=OrderType.ATC), epoch=1)).reason == "NOT_TRADING_PERIOD"
    assert (await broker.submit(order("m5", kind=OrderType.FAK), epoch=1)).reason == "PRICETYPE_NOT_SUPPORTED"
    assert world.server.orders == 5


async def test_a_house_that_was_away_overnight_learns_how_its_orders_ended_before_the_day_begins(world: SsiWorld) -> None:
    broker = await world.broker()
    await broker.submit(order("c1", lots=3), epoch=1)
    await broker.submit(order("c2", price=PRICE - 10), epoch=1)
    await world.restart()
    world.server.trade(ACCOUNTS["B"], SELL, PRICE, 3)
    world.clock.pass_hours(24)
    await world.broker()
    await until(lambda: world.link.book.missing(("A", "c1")) == 0)
    reports = await told(world)
    (day,) = [report for report in reports if isinstance(report, DayReport)]
    assert (day.settled_day, day.trading_day, day.settlement_prices) == (20250106, 20250107, {SYMBOL: "1340"})
    ended = {
        report.order.client_order_id: report.order.status
        for report in reports
        if isinstance(report, OrderReport) and report.sequence < day.sequence
    }
    assert (ended["c1"], ended["c2"]) == (OrderStatus.FILLED, OrderStatus.EXPIRED)
    assert trades(reports, "c1") == [(PRICE, 3)]


async def test_no_secret_is_logged_or_shown(world: SsiWorld) -> None:
    heard: list[str] = []
    sink = logger.add(heard.append, level=0, format="{message} {exception}")
    try:
        broker = await world.broker()
        assert isinstance(world.login, SsiLogin)
        heard.append(repr(world.login))
        await broker.submit(order("c1"), epoch=1)
        world.server.expire_tokens()
        await world.server.cut()
        world.server.otp = "other"
        world.server.revoke()
        await until(lambda: world.server.logins >= 2 and any("refused the login" in line for line in heard))
        await until(lambda: not world.link.ready)
    finally:
        logger.remove(sink)
    text = "\n".join(heard)
    secrets = (API_KEY, API_SECRET, world.login.private_key[:32], world.login.otp or API_KEY, *world.server.handed_out)
    assert not [secret for secret in secrets if secret in text]


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_happens_orders_and_fills_are_those_of_the_exchange(world: SsiWorld, seed: int) -> None:
    """Random orders, cancels and faults; at the end the house's account of the day is the exchange's."""
    chance = random.Random(seed)
    broker = await world.broker(timeout_s=1.0)
    asked: list[review.Approved] = []
    for number in range(STEPS):
        match chance.randrange(12):
            case 0:
                world.server.lose_answers = 1
            case 1:
                world.server.too_many = 1
            case 2:
                await world.server.cut()
            case 3:
                world.server.expire_tokens()
            case 4:
                world.server.twice, world.server.mute = chance.random() < 0.5, chance.random() < 0.5
            case 5:
                await world.restart()
                broker = await world.broker(timeout_s=1.0)
            case 6 if asked:
                with contextlib.suppress(TradepitError):
                    intent = chance.choice(asked).intent
                    await broker.cancel(intent.account, intent.client_order_id, epoch=1)
            case _:
                side, price = chance.choice((BUY, SELL)), PRICE + chance.randrange(-2, 3)
                asked.append(order(f"c{number}", side, chance.randrange(1, 4), chance.choice("AB"), price))
                with contextlib.suppress(TradepitError):
                    await broker.submit(asked[-1], epoch=1)
                if chance.random() < 0.3:
                    with contextlib.suppress(TradepitError):
                        await broker.submit(asked[-1], epoch=1)
    world.server.lose_answers = world.server.too_many = 0
    world.server.mute = False
    await until(lambda: world.link.ready)
    final = {(each.intent.account, each.intent.client_order_id): await resolved(broker, each) for each in asked}
    book = world.link.book

    def agrees(key: tuple[str, str], order: Order) -> bool:
        name = book.request_of(key)
        there = world.server.venue.order(ACCOUNTS[key[0]], name) if name else None
        if there is None:
            return order.status is OrderStatus.REJECTED
        return (order.traded_lots, order.left_lots, order.active) == (there.traded_lots, there.left_lots, there.active)

    await until(lambda: all(agrees(key, book.orders[key]) and book.missing(key) == 0 for key in final))
    reports = await told(world)
    held: dict[str, int] = defaultdict(int)
    for report in reports:
        if isinstance(report, TradeReport):
            held[report.trade.account] += report.trade.volume_lots * (1 if report.trade.side is BUY else -1)
    assert {account: held[account] for account in "AB"} == {account: world.server.lots(ACCOUNTS[account]) for account in "AB"}
    sent = sum(1 for key in final if world.server.venue.order(ACCOUNTS[key[0]], book.request_of(key) or "-") is not None)
    assert world.server.orders == sent
    assert world.server.denied == 0, "no id was used twice"
