"""A bot's life on a house: it trades, dies, comes back knowing what it knew, and no order is sent twice."""

import asyncio
from random import Random

import pytest
from tests.bot_house import BUYER, BotHouse

from tradepit.trading.model.errors import OutcomeUnknown
from tradepit.wire.simulator import tick_topic


async def test_a_bot_trades_and_knows_what_it_holds(house: BotHouse) -> None:
    runner = await house.started(house.bot(params={"most": 2}))
    await house.show(count=4)
    seat = runner.seats["buyer"]
    await house.until(lambda: seat.look.positions == {"IF2501": 2})
    assert house.desk.arrived == [f"buyer-{house.desk.arrived[0].split('-')[1]}-{number}" for number in (1, 2)]
    assert (seat.look.phase, seat.figures.intents) == ("running", {("BUY", "IF2501"): 2})
    assert seat.figures.ticks == 4
    await runner.stop()
    assert (seat.look.phase, seat.look.reason) == ("stopped", "signal-sigterm")


async def test_killed_without_a_word_it_comes_back_with_position_orders_and_numbers(house: BotHouse) -> None:
    first = await house.started(house.bot(params={"most": 2}))
    await house.show()
    house.desk.fills = False
    await house.show()
    assert len(house.desk.arrived) == 2
    # The former life is not asked to stop: it is fenced, and what it does from now on reaches nobody.
    second = await house.started(house.bot(params={"most": 3}), instance="r2")
    seat = second.seats["buyer"]
    assert first.seats["buyer"].life is not None
    await house.until(lambda: seat.look.working == 1)
    assert seat.look.positions == {"IF2501": 1}
    await house.show()
    assert len(house.desk.arrived) == len(set(house.desk.arrived)) == 3
    assert house.desk.arrived[-1].endswith("-3")
    await second.stop()
    await first.stop()


async def test_state_and_profit_are_kept_over_a_stop(house: BotHouse) -> None:
    first = await house.started(house.bot(params={"most": 1}))
    await house.show()
    await house.until(lambda: first.seats["buyer"].look.positions == {"IF2501": 1})
    realized = first.seats["buyer"].look.realized
    await first.stop()
    second = await house.started(house.bot(params={"most": 1}), instance="r2")
    seat = second.seats["buyer"]
    await house.until(lambda: seat.look.positions == {"IF2501": 1})
    assert (seat.look.realized, realized) == (-1.0, -1.0)
    assert seat.life is not None
    assert seat.life._state["starts"] == 2
    assert seat.life._state["seen"] == [1, []]
    await second.stop()


async def test_without_any_memory_the_exchange_s_reports_tell_all(house: BotHouse) -> None:
    first = await house.started(house.bot(params={"most": 2}))
    await house.show(count=2)
    await first.stop()
    house.journals.clear()
    second = await house.started(house.bot(params={"most": 3}), instance="r2")
    await house.until(lambda: second.seats["buyer"].look.positions == {"IF2501": 2})
    await house.show()
    assert house.desk.arrived[-1].endswith("-3")
    await second.stop()


async def test_a_number_whose_order_the_review_refused_is_not_used_again(house: BotHouse) -> None:
    house.desk.refuses = "POSITION_LIMIT"
    first = await house.started(house.bot())
    await house.show()
    await first.stop()
    house.journals.clear()
    house.desk.refuses = ""
    second = await house.started(house.bot(), instance="r2")
    await house.show()
    assert [name.rpartition("-")[2] for name in house.desk.arrived] == ["1", "2"]
    await second.stop()


async def test_an_order_without_an_answer_is_asked_for_with_its_own_id(house: BotHouse) -> None:
    house.desk.mishaps = [OutcomeUnknown()]
    house.desk.late = [OutcomeUnknown()]
    runner = await house.started(house.bot())
    await house.show()
    await house.until(lambda: runner.seats["buyer"].look.positions == {"IF2501": 1})
    await house.until(lambda: len(house.desk.asked) == 3)
    assert len(set(house.desk.asked)) == len(house.desk.arrived) == 1
    await runner.stop()


async def test_an_order_that_nobody_took_is_not_sent_when_its_time_is_over(house: BotHouse) -> None:
    house.desk.mishaps = [OutcomeUnknown() for _ in range(4)]
    runner = await house.started(house.bot(), resend_s=2.5)
    await house.show()
    seat = runner.seats["buyer"]
    assert seat.life is not None
    await house.until(lambda: "reject 1 NOT_SENT" in seat.life._state.get("told", []) if seat.life else False)
    assert house.desk.arrived == []
    await runner.stop()


async def test_reports_that_were_not_told_are_asked_for(house: BotHouse) -> None:
    house.desk.tells = False
    runner = await house.started(house.bot())
    await house.show()
    await house.until(lambda: runner.seats["buyer"].look.positions == {"IF2501": 1})
    await runner.stop()


@pytest.mark.parametrize("seed", range(12))
async def test_killed_at_any_point_it_never_holds_more_than_it_wants(house: BotHouse, seed: int) -> None:
    chance = Random(seed)
    most = 12
    for life_number in range(5):
        runner = await house.started(house.bot(params={"most": most}), instance=f"r{life_number}", keep_s=1.0)
        for _ in range(chance.randint(1, 4)):
            house.desk.fills = chance.random() < 0.7
            house.desk.mishaps = [OutcomeUnknown()] * chance.choice((0, 0, 1))
            house.desk.late = [OutcomeUnknown()] * chance.choice((0, 0, 1))
            house.desk.tells = chance.random() < 0.8
            await house.bus.publish(tick_topic("IF2501"), house.a_tick())
            # Some way into what follows from it, and no further.
            for _ in range(chance.randint(0, 120)):
                await asyncio.sleep(0)
            if chance.random() < 0.3:
                await house.pass_time(1.5)
        seat = runner.seats["buyer"]
        assert seat.life is not None
        dead, seat.life = seat.life, None
        await dead.abandon()
        await runner.stop()
    house.desk.fills, house.desk.tells = True, True
    house.desk.mishaps, house.desk.late = [], []
    runner = await house.started(house.bot(params={"most": most}), instance="last")
    for order in list(house.desk.orders.values()):
        if order.active:
            await house.desk.fill(order.client_order_id)
    await house.show(count=most + 2)
    await house.until(lambda: runner.seats["buyer"].look.positions == {"IF2501": most})
    assert len(set(house.desk.arrived)) == len(house.desk.arrived) == most
    assert sum(order.traded_lots for order in house.desk.orders.values()) == most
    await runner.stop()


async def test_what_a_bot_wants_last_is_still_sent_and_its_orders_are_cancelled(house: BotHouse) -> None:
    house.desk.fills = False
    text = BUYER.replace('self.ctx.state["stopped"] = reason', 'self.ctx.buy("IF2501", 2, 4400.0)')
    runner = await house.started(house.bot(text))
    await house.show()
    await house.command("buyer", type="STOP", timeout_ms=3000)
    seat = runner.seats["buyer"]
    await house.until(lambda: seat.look.phase == "stopped")
    assert [order.status.value for order in house.desk.orders.values()] == ["CANCELLED", "CANCELLED"]
    assert [order.intent.volume_lots for order in house.desk.orders.values()] == [1, 2]
    assert (seat.look.reason, seat.figures.forced_stops) == ("stop-command", 0)
    await runner.stop()


async def test_lots_of_another_exchange_are_forgotten_and_numbers_are_not(house: BotHouse) -> None:
    first = await house.started(house.bot(params={"most": 2}))
    await house.show(count=2)
    await first.stop()
    house.exchange.reports.clear()
    house.desk.orders.clear()
    second = await house.started(house.bot(params={"most": 1}), instance="r2")
    seat = second.seats["buyer"]
    assert seat.look.positions == {}
    await house.show()
    await house.until(lambda: seat.look.positions == {"IF2501": 1})
    assert house.desk.arrived[-1].endswith("-3")
    await second.stop()


async def test_a_house_that_is_away_is_waited_for(house: BotHouse) -> None:
    house.exchange.down = True
    runner = house.runner(house.bot())
    await house.cache.connect()
    await runner.start()
    await house.pass_time(3)
    assert (runner.seats["buyer"].look.phase, runner.unready()) == ("starting", {"buyer": "starting"})
    house.exchange.down = False
    await house.until(lambda: runner.seats["buyer"].look.phase == "running")
    await runner.stop()
    # One that is still waiting can be stopped at once.
    house.exchange.down = True
    waiting = house.runner(house.bot(), instance="r2")
    await waiting.start()
    await house.rest()
    await waiting.stop()
    assert waiting.seats["buyer"].look.phase == "stopped"
