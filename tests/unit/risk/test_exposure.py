"""The exposure folds events, whatever their order, and can be rebuilt from them."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.report import DayReport
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, SessionPhase, Side, TradingState
from tradepit.trading.model.tick import Tick
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.holding import Holding

Make = Callable[..., OrderIntent]
MakeTrade = Callable[..., Trade]


def held(exposure: Exposure) -> Holding:
    holding = exposure.holding("a", "IF2501")
    assert holding is not None
    return holding


def day(trading_day: int, **prices: str) -> DayReport:
    return DayReport(sequence=1, time_ns=1, trading_day=trading_day, settled_day=trading_day - 1, settlement_prices=prices)


def test_an_order_works_until_filled_or_done(exposure: Exposure, make_intent: Make, make_trade: MakeTrade) -> None:
    intent = make_intent(volume_lots=5)
    exposure.on_accepted(intent)
    exposure.on_accepted(intent)
    assert (held(exposure).buying, exposure.books["a"].working_orders, held(exposure).bids.best) == (5, 1, 25_000)
    exposure.on_fill(make_trade(intent, 2))
    assert (held(exposure).net, held(exposure).buying) == (2, 3)
    exposure.on_order(Order(intent=intent, status=OrderStatus.CANCELLED, traded_lots=2))
    assert (held(exposure).net, held(exposure).buying, exposure.books["a"].working_orders, held(exposure).bids.best) == (
        2,
        0,
        0,
        0,
    )


def test_a_cancellation_may_precede_its_trades(exposure: Exposure, make_intent: Make, make_trade: MakeTrade) -> None:
    intent = make_intent(volume_lots=5, order_type=OrderType.FAK)
    exposure.on_accepted(intent)
    exposure.on_order(Order(intent=intent, status=OrderStatus.CANCELLED, traded_lots=3))
    assert (held(exposure).net, held(exposure).buying) == (0, 3)
    exposure.on_order(Order(intent=intent, status=OrderStatus.OPEN, left_lots=5))
    assert held(exposure).buying == 3
    exposure.on_fill(make_trade(intent, 3))
    assert (held(exposure).net, held(exposure).buying, held(exposure).working) == (3, 0, {})


def test_a_filled_order_is_remembered_until_its_end_is_told(exposure: Exposure, make_intent: Make, make_trade: MakeTrade) -> None:
    intent = make_intent(volume_lots=5)
    exposure.on_accepted(intent)
    exposure.on_fill(make_trade(intent, 5))
    assert (held(exposure).buying, held(exposure).bids.best) == (0, 0)
    exposure.on_accepted(intent)
    exposure.on_order(Order(intent=intent, status=OrderStatus.PARTIAL, traded_lots=2, left_lots=3))
    assert (held(exposure).net, held(exposure).buying) == (5, 0)
    exposure.on_order(Order(intent=intent, status=OrderStatus.FILLED, traded_lots=5))
    assert (held(exposure).working, exposure.books["a"].working_orders) == ({}, 0)


def test_a_reduced_order_counts_with_what_is_left(exposure: Exposure, make_intent: Make, make_trade: MakeTrade) -> None:
    intent = make_intent(volume_lots=9)
    exposure.on_accepted(intent)
    exposure.on_order(Order(intent=intent, status=OrderStatus.PARTIAL, traded_lots=2, left_lots=4))
    assert held(exposure).buying == 6
    exposure.on_fill(make_trade(intent, 2))
    assert held(exposure).buying == 4


def test_an_order_in_doubt_is_counted_and_remembered(exposure: Exposure, make_intent: Make) -> None:
    intent = make_intent()
    exposure.on_accepted(intent)
    exposure.on_order(Order(intent=intent, status=OrderStatus.UNKNOWN, left_lots=1))
    assert (held(exposure).unknown, held(exposure).buying) == (["o1"], 1)
    exposure.on_order(Order(intent=intent, status=OrderStatus.REJECTED))
    assert (held(exposure).unknown, held(exposure).buying) == ([], 0)


def test_a_late_fill_still_moves_the_position(exposure: Exposure, make_intent: Make, make_trade: MakeTrade) -> None:
    intent = make_intent(volume_lots=2)
    exposure.on_accepted(intent)
    exposure.on_order(Order(intent=intent, status=OrderStatus.CANCELLED))
    exposure.on_fill(make_trade(intent, 1))
    assert (held(exposure).net, held(exposure).buying) == (1, 0)


def test_profit_does_not_depend_on_the_way_there(
    exposure: Exposure, make_intent: Make, make_trade: MakeTrade, make_tick: Callable[..., Tick], now: int
) -> None:
    exposure.on_fill(make_trade(make_intent(), 2, price_ticks=24_990, fee="12.5"))
    exposure.on_tick(make_tick(time_ns=now + 1, last_ticks=25_100))
    exposure.on_fill(make_trade(make_intent(side=Side.SELL, offset=Offset.CLOSE), 1, price_ticks=25_050, fee="30"))
    exposure.on_tick(make_tick(time_ns=now + 2, last_ticks=24_000))
    book = exposure.books["a"]
    assert book.profit == (60 - 990) * 60
    assert book.day_result == (60 - 990) * 60 - Decimal("42.5")


def test_held_lots_are_valued_from_their_basis(exposure: Exposure, make_tick: Callable[..., Tick], now: int) -> None:
    position = Position(account="a", symbol="IF2501", exchange=Exchange.CFFEX, side=Side.SELL, yesterday_lots=3)
    exposure.set_position(position, Decimal("4999.5"))
    exposure.on_tick(make_tick(time_ns=now + 1, last_ticks=25_005))
    assert exposure.books["a"].profit == -3 * 300 * Decimal("1.5")


def test_deposits_are_no_profit(exposure: Exposure) -> None:
    exposure.transfer("a", Decimal(500))
    assert (exposure.books["a"].opening_equity, exposure.books["a"].day_result) == (Decimal(10_000_500), Decimal(0))


def test_the_loss_baseline_moves_with_the_trading_day_and_states_stay(
    exposure: Exposure, make_intent: Make, make_trade: MakeTrade
) -> None:
    exposure.on_fill(make_trade(make_intent(), 2, fee="100"))
    exposure.set_state("account:a", TradingState.REDUCING)
    exposure.roll_day(day(20250103, IF2501="4950.2"))
    book = exposure.books["a"]
    assert (book.opening_equity, book.day_result) == (Decimal(10_000_000) - 2 * 300 * Decimal("49.8") - 100, Decimal(0))
    assert (held(exposure).long.yesterday, held(exposure).long.today) == (2, 0)
    assert exposure.markets["IF2501"].lower_ticks == 22_276
    assert exposure.state_of(make_intent()) == (TradingState.REDUCING, "account:a")
    exposure.roll_day(day(20250103, IF2501="1"))
    assert book.day_result == 0
    assert exposure.trading_day == 20250103


def test_expired_lots_are_gone_the_day_after(exposure: Exposure, make_intent: Make, make_trade: MakeTrade) -> None:
    exposure.on_fill(make_trade(make_intent(), 2))
    exposure.roll_day(day(20250117, IF2501="5000"))
    assert held(exposure).net == 2
    exposure.roll_day(day(20250120))
    assert held(exposure).net == 0


def test_the_strictest_state_counts(exposure: Exposure, make_intent: Make) -> None:
    intent = make_intent(reference="bot-7")
    assert exposure.state_of(intent) == (TradingState.ACTIVE, "global")
    exposure.set_state("symbol:IF2501", TradingState.REDUCING)
    exposure.set_state("reference:bot-7", TradingState.HALTED)
    assert exposure.state_of(intent) == (TradingState.HALTED, "reference:bot-7")
    exposure.set_state("reference:bot-7", TradingState.ACTIVE)
    assert exposure.state_of(intent) == (TradingState.REDUCING, "symbol:IF2501")


def test_strangers_are_ignored(
    exposure: Exposure, make_intent: Make, make_trade: MakeTrade, make_tick: Callable[..., Tick]
) -> None:
    before = msgspec.msgpack.encode(exposure)
    for changes in ({"account": "x"}, {"symbol": "x1"}):
        intent = make_intent(**changes)
        exposure.on_accepted(intent)
        exposure.on_fill(make_trade(intent, 1))
        exposure.on_order(Order(intent=intent, status=OrderStatus.OPEN))
    exposure.on_tick(make_tick(symbol="x1"))
    exposure.on_phase("x1", SessionPhase.BREAK)
    exposure.transfer("x", Decimal(1))
    exposure.set_position(
        Position(account="x", symbol="IF2501", exchange=Exchange.CFFEX, side=Side.BUY, today_lots=1), Decimal(1)
    )
    assert msgspec.msgpack.encode(exposure) == before


@pytest.mark.parametrize("phase", SessionPhase)
def test_it_survives_a_snapshot(exposure: Exposure, make_intent: Make, make_trade: MakeTrade, phase: SessionPhase) -> None:
    intent = make_intent(volume_lots=3)
    exposure.on_accepted(intent)
    exposure.on_fill(make_trade(intent, 1, fee="1.25"))
    exposure.on_order(replace(Order(intent=intent, status=OrderStatus.UNKNOWN), left_lots=2))
    exposure.on_phase("IF2501", phase)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(exposure), type=Exposure) == exposure
