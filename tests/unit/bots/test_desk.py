"""From wishes to orders: offsets by what is held, targets by what works."""

from typing import Any

import msgspec
import pytest
from tests.bot_stage import Stage, scripted, tick

from tradepit.bots.context import BotContext
from tradepit.bots.market import Market
from tradepit.trading.model.terms import OrderStatus


def _stage(*answers: Any, symbol: str = "IF2501") -> Stage:
    stage = Stage(scripted(*answers), symbol)
    stage.host.start()
    return stage


def _buy(lots: int) -> Any:
    return lambda ctx, market: [ctx.buy(market.symbol, lots, market.ask)]


def _sell(lots: int) -> Any:
    return lambda ctx, market: [ctx.sell(market.symbol, lots, market.bid)]


def _target(lots: int, price: Any = None) -> Any:
    return lambda ctx, market: [ctx.target_position(market.symbol, lots, price)]


def _show(stage: Stage, bid: int, ask: int, after_s: float, symbol: str = "IF2501") -> None:
    stage.show(tick(bid, ask, after_s=after_s, symbol=symbol))


def test_an_order_closes_what_is_held_and_opens_the_rest() -> None:
    stage = _stage(_buy(3), _sell(5))
    _show(stage, 22500, 22502, 0)
    stage.done(1)
    _show(stage, 22500, 22502, 1)
    assert stage.take() == [(1, "BUY", "OPEN", 22502, 3), (2, "SELL", "CLOSE", 22500, 3), (3, "SELL", "OPEN", 22500, 2)]


def test_lots_that_working_orders_will_close_are_not_closed_twice() -> None:
    stage = _stage(_buy(3), _sell(2), _sell(2))
    _show(stage, 22500, 22502, 0)
    stage.done(1)
    _show(stage, 22500, 22502, 1)
    _show(stage, 22500, 22502, 2)
    assert [row[2:] for row in stage.take()[1:]] == [("CLOSE", 22500, 2), ("CLOSE", 22500, 1), ("OPEN", 22500, 1)]


def test_where_buckets_are_named_history_goes_before_today() -> None:
    stage = _stage(_buy(2), _buy(3), _sell(6), symbol="rb2505")
    _show(stage, 3300, 3301, 0, "rb2505")
    stage.done(1)
    stage.next_day({"rb2505": "3300"})
    _show(stage, 3300, 3301, 1, "rb2505")
    stage.done(2)
    stage.take()
    _show(stage, 3300, 3301, 2, "rb2505")
    assert [row[2:] for row in stage.take()] == [("CLOSE", 3300, 2), ("CLOSETODAY", 3300, 3), ("OPEN", 3300, 1)]


def test_where_there_are_no_offsets_one_net_order_does_it() -> None:
    stage = _stage(_buy(2), _sell(5), symbol="VN30F2501")
    _show(stage, 13000, 13001, 0, "VN30F2501")
    stage.done(1)
    _show(stage, 13000, 13001, 1, "VN30F2501")
    assert [row[1:] for row in stage.take()] == [("BUY", "NET", 13001, 2), ("SELL", "NET", 13000, 5)]
    stage.done(2)
    assert stage.host.board["VN30F2501"].position == -3


def test_all_or_nothing_is_not_made_of_two_orders_and_a_given_offset_is_kept() -> None:
    def fok(ctx: BotContext, market: Market) -> Any:
        return [ctx.sell(market.symbol, 5, market.bid, order_type="FOK")]

    def opens(ctx: BotContext, market: Market) -> Any:
        return [ctx.sell(market.symbol, 5, market.bid, offset="open")]

    stage = _stage(_buy(3), fok, opens)
    _show(stage, 22500, 22502, 0)
    stage.done(1)
    _show(stage, 22500, 22502, 1)
    _show(stage, 22500, 22502, 2)
    assert stage.take()[1:] == [(2, "SELL", "OPEN", 22500, 5)]
    assert stage.host.refusals == {"BOT_FOK_WOULD_SPLIT": 1}


def test_a_market_order_is_one_without_a_price() -> None:
    stage = _stage({"symbol": "IF2501", "side": "buy", "qty": 1})
    _show(stage, 22500, 22502, 0)
    assert stage.take() == [(1, "BUY", "OPEN", 0, 1)]


def test_a_target_said_again_sends_nothing_more_and_is_corrected_by_what_is_held() -> None:
    stage = _stage(*[_target(3)] * 3, _target(-1))
    _show(stage, 22500, 22502, 0)
    _show(stage, 22500, 22502, 1)
    stage.done(1)
    _show(stage, 22500, 22502, 2)
    assert stage.take() == [(1, "BUY", "OPEN", 22502, 3)]
    _show(stage, 22500, 22502, 3)
    assert stage.take() == [(2, "SELL", "CLOSE", 22500, 3), (3, "SELL", "OPEN", 22500, 1)]


def test_a_target_calls_back_what_leads_away_before_it_sends() -> None:
    stage = _stage(_sell(1), _target(1), _target(1), _target(1))
    _show(stage, 22500, 22502, 0)
    _show(stage, 22500, 22502, 1)
    assert stage.take()[1:] == [("cancel", stage.order_id(1))]
    _show(stage, 22500, 22502, 2)
    assert stage.take() == []
    stage.host.report(stage.state(1, OrderStatus.CANCELLED))
    _show(stage, 22500, 22502, 3)
    assert stage.take() == [(2, "BUY", "OPEN", 22502, 1)]


def test_a_target_without_a_price_follows_the_market_and_one_with_a_price_waits_there() -> None:
    stage = _stage(_target(1), _target(1), _target(1, 4500.0), _target(1, 4500.0), _target(1, 4500.2), _target(1, "4500.2"))
    _show(stage, 22500, 22502, 0)
    _show(stage, 22504, 22506, 1)
    assert stage.take() == [(1, "BUY", "OPEN", 22502, 1), ("cancel", stage.order_id(1))]
    stage.host.report(stage.state(1, OrderStatus.CANCELLED))
    _show(stage, 22504, 22506, 2)
    _show(stage, 22510, 22512, 3)
    assert stage.take() == [(2, "BUY", "OPEN", 22500, 1)]
    _show(stage, 22510, 22512, 4)
    assert stage.take() == [("cancel", stage.order_id(2))]
    stage.host.report(stage.state(2, OrderStatus.CANCELLED))
    _show(stage, 22510, 22512, 5)
    assert stage.take() == [(3, "BUY", "OPEN", 22501, 1)]


def test_a_target_without_a_market_is_refused_and_a_met_one_wants_nothing() -> None:
    stage = _stage(_target(1), _target(0))
    _show(stage, 22500, 0, 0)
    _show(stage, 22500, 22502, 1)
    assert (stage.take(), stage.host.refusals) == ([], {"BOT_NO_PRICE": 1})


def test_cancelling_twice_is_cancelling_once_and_all_means_all_of_this_bot() -> None:
    def cancels(ctx: BotContext, market: Market) -> Any:
        first, _ = tuple(ctx.orders.values())
        return [
            ctx.cancel(first),
            ctx.cancel(first.order_id),
            ctx.cancel_all(market.symbol),
            ctx.cancel_all("IH2501"),
            ctx.cancel(""),
        ]

    stage = _stage([_order(1), _order(2)], cancels)
    _show(stage, 22500, 22502, 0)
    _show(stage, 22500, 22502, 1)
    assert stage.take()[2:] == [("cancel", stage.order_id(1)), ("cancel", stage.order_id(2))]


def _order(number: int) -> dict[str, Any]:
    return {"symbol": "IF2501", "side": "buy", "qty": number, "price": 4499}


@pytest.mark.parametrize("price", [4500.2, 22501 * 0.2, "4500.2", 4500.2000000000007])
def test_a_price_that_arithmetic_has_bent_is_the_price_that_was_meant(price: Any) -> None:
    stage = _stage({"symbol": "IF2501", "side": "buy", "qty": 1, "price": price})
    _show(stage, 22500, 22502, 0)
    assert stage.take() == [(1, "BUY", "OPEN", 22501, 1)]


def test_numpys_numbers_are_numbers() -> None:
    def sends(ctx: BotContext, market: Market) -> Any:
        price = market.window("ask", 1)[0]
        return [{"symbol": market.symbol, "side": "buy", "qty": market.window("time_ns", 1).size, "price": price}]

    stage = _stage(sends)
    _show(stage, 22500, 22502, 0)
    assert stage.take() == [(1, "BUY", "OPEN", 22502, 1)]


def test_an_expired_contract_is_paid_out() -> None:
    stage = _stage(_buy(1))
    _show(stage, 22500, 22502, 0)
    stage.done(1)
    expiry = stage.host.board["IF2501"].instrument.expiry
    stage.next_day({"IF2501": "4600"}, day=int(expiry.strftime("%Y%m%d")) + 3)
    market = stage.host.board["IF2501"]
    assert market.position == 0
    assert market.pnl == pytest.approx(300 * (4600 - 4500.4))
    assert msgspec.structs.asdict(market.holding.holding.long)["yesterday"] == 0
