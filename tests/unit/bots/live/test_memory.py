"""Memory and reports make the same bot again, at whatever point it was interrupted."""

from typing import Any

import msgspec
import pytest
from tests.bot_stage import Stage, scripted, tick

from tradepit.bots.live.memory import BotMemory, Recollection, remember
from tradepit.trading.model.report import Report
from tradepit.trading.model.terms import OrderStatus

BUY = {"symbol": "IF2501", "side": "buy", "qty": 3, "price": 4500.0}
SELL = {"symbol": "IF2501", "side": "sell", "qty": 2, "price": 4501.0}


def played() -> tuple[Stage, list[Report]]:
    """A life: a buy that fills in two parts, a sell that closes some of it, an order that rests; and what was reported of it."""
    stage = Stage(scripted(BUY, SELL, BUY))
    stage.host.start()
    told: list[Report] = []

    def tell(*reports: Report) -> None:
        for report in reports:
            told.append(report)
            stage.host.report(report)

    stage.show(tick(22_499, 22_500))
    tell(stage.state(1, OrderStatus.OPEN, left=3), stage.fill(1, 1), stage.state(1, OrderStatus.PARTIAL, 1, 2))
    tell(stage.fill(1, 2), stage.state(1, OrderStatus.FILLED, 3, 0))
    stage.show(tick(22_505, 22_506, after_s=1))
    tell(stage.fill(2, 2, fee="1.5"), stage.state(2, OrderStatus.FILLED, 2, 0))
    stage.show(tick(22_505, 22_506, after_s=2))
    tell(stage.state(3, OrderStatus.OPEN, left=3), stage.fill(3, 1), stage.state(3, OrderStatus.PARTIAL, 1, 2))
    return stage, told


def seen(stage: Stage) -> Any:
    own = stage.host.orders
    orders = [(order.order_id, order.left, order.filled) for order in own.values()]
    return own.sequence, orders, {symbol: position.keep() for symbol, position in own.positions.items()}


def follow(stage: Stage, mind: Recollection, reports: list[Report]) -> list[str]:
    for report in reports:
        mind.take(report)
    return [intent.client_order_id for intent in mind.finish()]


@pytest.mark.parametrize("kept", range(11))
def test_wherever_memory_was_kept_reports_complete_it(kept: int) -> None:
    whole, told = played()
    assert len(told) == 10
    # The same life again, remembered after ``kept`` reports.
    half = Stage(scripted())
    half.host.start()
    first = Recollection(half.host, BotMemory(), ())
    follow(half, first, told[:kept])
    memory = msgspec.json.decode(msgspec.json.encode(remember(half.host, kept)), type=BotMemory)
    again = Stage(scripted())
    names = follow(again, Recollection(again.host, memory, ()), told[kept:])
    assert seen(again) == seen(whole)
    assert names == [whole.order_id(3)]


def test_a_trade_whose_order_report_has_not_come_is_not_waited_for_again() -> None:
    whole, told = played()
    again = Stage(scripted())
    follow(again, Recollection(again.host, BotMemory(), ()), told[:-1])
    assert seen(again) == seen(whole)
    again.host.report(told[-1])
    assert seen(again) == seen(whole)


def test_orders_on_record_of_which_nothing_is_known_are_in_doubt_and_their_numbers_are_used() -> None:
    whole, told = played()
    intents = list(whole.intents.values())
    again = Stage(scripted())
    mind = Recollection(again.host, BotMemory(), intents)
    for report in told[:5]:
        mind.take(report)
    assert [intent.client_order_id for intent in mind.in_doubt()] == [whole.order_id(2), whole.order_id(3)]
    mind.forget(whole.order_id(2))
    assert [intent.client_order_id for intent in mind.finish()] == [whole.order_id(3)]
    assert (again.host.orders.sequence, len(again.host.orders)) == (3, 1)


def test_state_that_is_no_json_cannot_be_kept() -> None:
    stage = Stage(scripted())
    stage.host.ctx.state["thing"] = object()
    with pytest.raises(TypeError):
        remember(stage.host, 0)


def test_orders_remembered_without_a_word_from_the_exchange_are_in_doubt_too() -> None:
    stage = Stage(scripted(BUY, BUY, BUY))
    stage.host.start()
    stage.show(tick(22_499, 22_500), tick(22_499, 22_500, after_s=1), tick(22_499, 22_500, after_s=2))
    stage.host.doubt(stage.order_id(2), "TIMEOUT")
    stage.host.report(stage.state(3, OrderStatus.OPEN, left=3))
    again = Stage(scripted())
    mind = Recollection(again.host, remember(stage.host, 1), ())
    assert [intent.client_order_id for intent in mind.in_doubt()] == [stage.order_id(1), stage.order_id(2)]
