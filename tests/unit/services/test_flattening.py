"""Which orders close what an account holds, by the exchange's ways of closing."""

from collections.abc import AsyncIterator

import pytest
from tests.order_path import DAY, Office, an_intent, instrument

from tradepit.services.flattening import Flattening
from tradepit.services.order_leader import OrderLeader
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset, OrderType, SessionPhase, Side
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.rules import load_rules


@pytest.fixture
async def leader() -> AsyncIterator[OrderLeader]:
    office = Office(load_rules({"session_phase": False, "margin": False}))
    made = await office.leader()
    await made.admit("A1")
    yield made
    await made.stop()


def hold(leader: OrderLeader, side: Side, lots: int, rule: CloseRule) -> None:
    exposure, intent = leader.desk.exposure, an_intent(side=side, lots=lots)
    exposure.on_fill(
        Trade(
            trade_id=f"t{side}", order_id="", client_order_id="", account="A1", symbol="IF2501", exchange=intent.exchange, side=side,
            offset=Offset.OPEN, price_ticks=intent.price_ticks, volume_lots=lots, time_ns=1, trading_day=DAY,
        )
    )  # fmt: skip
    found = exposure.holding("A1", "IF2501")
    assert found is not None
    found.close_rule = rule


def told(leader: OrderLeader, scope: str = "global") -> list[tuple[Side, Offset, OrderType, int]]:
    flattening = Flattening(leader, scope)
    intents = [intent for found in flattening._holdings() for intent in flattening._closes(*found)]
    return [(intent.side, intent.offset, intent.order_type, intent.volume_lots) for intent in intents]


@pytest.mark.parametrize(
    ("rule", "closes"),
    [
        (CloseRule.FIFO, [(Side.SELL, Offset.CLOSE, 7), (Side.BUY, Offset.CLOSE, 2)]),
        (CloseRule.NAMED, [(Side.SELL, Offset.CLOSETODAY, 7), (Side.BUY, Offset.CLOSETODAY, 2)]),
        (CloseRule.NET, [(Side.SELL, Offset.NET, 5)]),
    ],
)
async def test_both_sides_are_closed_as_the_exchange_closes(
    rule: CloseRule, closes: list[tuple[Side, Offset, int]], leader: OrderLeader
) -> None:
    hold(leader, Side.BUY, 7, rule)
    hold(leader, Side.SELL, 2, rule)
    assert [(side, offset, lots) for side, offset, _, lots in told(leader)] == closes
    assert told(leader, "account:A1") == told(leader, "symbol:IF2501") == told(leader)
    assert told(leader, "account:A2") == told(leader, "symbol:IC2501") == []


async def test_many_lots_need_many_orders_and_an_auction_a_price(leader: OrderLeader) -> None:
    most_at_market, most = instrument().product.max_market_lots, instrument().product.max_limit_lots
    hold(leader, Side.BUY, most_at_market * 2 + 1, CloseRule.FIFO)
    assert [(kind, lots) for _, _, kind, lots in told(leader)] == [
        (OrderType.MARKET, most_at_market), (OrderType.MARKET, most_at_market), (OrderType.MARKET, 1),
    ]  # fmt: skip
    leader.desk.exposure.on_phase("IF2501", SessionPhase.AUCTION_ORDERING)
    assert {kind for _, _, kind, _ in told(leader)} == {OrderType.LIMIT}
    assert max(lots for _, _, _, lots in told(leader)) <= most


async def test_what_the_exchange_does_not_take_is_told(leader: OrderLeader) -> None:
    hold(leader, Side.BUY, 3, CloseRule.FIFO)
    leader.desk.exposure.on_phase("IF2501", SessionPhase.AUCTION_ORDERING)
    leader.desk.exposure.markets["IF2501"].lower_ticks = 0
    flattening = Flattening(leader, "global")
    await flattening.begin()
    assert (flattening.sent, flattening.refused, flattening.done) == (0, ["A1 IF2501: PRICE_NOT_VALID"], True)
    assert flattening.positions() == [("A1", "IF2501", 3, 0)]
