"""A bot closes its own lots; what it closes beyond them passes, is told of, or is refused, as it is set."""

from collections.abc import Callable

import pytest

from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, Side
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.bot_lots import BotLots, OthersLots
from tradepit.trading.risk.exposure import Exposure

REFUSES = BotLots(policy=OthersLots.REFUSE)
Intents = Callable[..., OrderIntent]
Trades = Callable[..., Trade]


@pytest.fixture
def two_bots(exposure: Exposure, make_intent: Intents, make_trade: Trades) -> Exposure:
    """b1 holds five lots long, b2 three long and two short; two more long are nobody's."""
    for bot, lots, side in (("b1", 5, Side.BUY), ("b2", 3, Side.BUY), ("b2", 2, Side.SELL), ("", 2, Side.BUY)):
        intent = make_intent(client_order_id=f"{bot}{side}", volume_lots=lots, side=side, bot=bot)
        exposure.on_accepted(intent)
        exposure.on_fill(make_trade(intent, lots), bot)
        exposure.on_order(Order(intent=intent, status=OrderStatus.FILLED, traded_lots=lots))
    return exposure


@pytest.mark.parametrize(
    ("bot", "side", "lots", "free"),
    [
        ("b1", Side.SELL, 5, None), ("b1", Side.SELL, 6, "5"), ("b1", Side.BUY, 1, "0"),
        ("b2", Side.SELL, 3, None), ("b2", Side.SELL, 4, "3"), ("b2", Side.BUY, 2, None), ("b2", Side.BUY, 3, "2"),
        ("b3", Side.SELL, 1, "0"), ("", Side.SELL, 9, None),
    ],
)  # fmt: skip
def test_own_lots_are_the_limit(
    bot: str, side: Side, lots: int, free: str | None, two_bots: Exposure, make_intent: Intents, now: int
) -> None:
    intent = make_intent(client_order_id="c", bot=bot, side=side, volume_lots=lots, offset=Offset.CLOSE)
    refused, remark = REFUSES.check(intent, two_bots, now), BotLots().remark(intent, two_bots, now)
    assert refused == remark
    assert (refused.limit if refused else None) == free
    if refused is not None:
        assert (refused.code, refused.rule, refused.value) == ("OVER_BOT_POSITION", "bot_lots", str(lots))
    # Each policy does one thing.
    assert REFUSES.remark(intent, two_bots, now) is BotLots().check(intent, two_bots, now) is None
    allowed = BotLots(policy=OthersLots.ALLOW)
    assert allowed.check(intent, two_bots, now) is allowed.remark(intent, two_bots, now) is None


def test_working_closes_are_promised_lots_and_ended_ones_are_free_again(
    two_bots: Exposure, make_intent: Intents, make_trade: Trades, now: int
) -> None:
    first = make_intent(client_order_id="c1", bot="b1", side=Side.SELL, volume_lots=4, offset=Offset.CLOSE)
    two_bots.on_accepted(first)
    another = make_intent(client_order_id="c2", bot="b1", side=Side.SELL, volume_lots=2, offset=Offset.CLOSE)
    refused = REFUSES.check(another, two_bots, now)
    assert refused is not None
    assert refused.limit == "1"
    two_bots.on_fill(make_trade(first, 1), "b1")
    two_bots.on_order(Order(intent=first, status=OrderStatus.CANCELLED, traded_lots=1))
    assert REFUSES.check(another, two_bots, now) is None
    holding = two_bots.holding("a", "IF2501")
    assert holding is not None
    assert holding.own_lots("b1", long=True) == 4


def test_opening_and_netting_are_not_its_business(two_bots: Exposure, make_intent: Intents, now: int) -> None:
    assert REFUSES.check(make_intent(bot="b1", volume_lots=99), two_bots, now) is None
    netting = make_intent(bot="b1", symbol="VN30F2501", exchange=Exchange.HNX, side=Side.SELL, offset=Offset.NET, volume_lots=99)
    assert REFUSES.check(netting, two_bots, now) is None


def test_lots_of_others_closed_are_owed(two_bots: Exposure, make_intent: Intents, make_trade: Trades) -> None:
    close = make_intent(client_order_id="c", bot="b2", side=Side.SELL, volume_lots=6, offset=Offset.CLOSE)
    two_bots.on_accepted(close)
    two_bots.on_fill(make_trade(close, 6), "b2")
    holding = two_bots.holding("a", "IF2501")
    assert holding is not None
    assert (holding.own_lots("b2", long=True), holding.own_lots("b1", long=True), holding.long.lots) == (-3, 5, 4)


def test_own_lots_end_with_the_contract(two_bots: Exposure) -> None:
    two_bots.roll_day(DayReport(sequence=1, time_ns=1, trading_day=20250103, settled_day=20250102, settlement_prices={}))
    holding = two_bots.holding("a", "IF2501")
    assert holding is not None
    assert holding.own_lots("b1", long=True) == 5
    two_bots.roll_day(DayReport(sequence=2, time_ns=1, trading_day=20250120, settled_day=20250117, settlement_prices={}))
    assert holding.own_lots("b1", long=True) == 0
