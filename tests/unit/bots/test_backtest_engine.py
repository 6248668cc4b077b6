"""A backtest trades on the house's own venue and ledger, in the time of the ticks alone."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.bot_market import NEXT_DAY_S, at, quoted, recording, run
from tests.bot_stage import Scripted, instrument

from tradepit.bots.backtest import house
from tradepit.bots.bot import BotBase
from tradepit.bots.events import EventKind
from tradepit.bots.market import Market
from tradepit.trading.model.errors import BotRefused
from tradepit.trading.model.terms import OrderStatus

FLAT = [22500] * 10


class _Dice(BotBase):
    """Buys or sells by the throw."""

    def on_start(self) -> None:
        pass

    def on_tick(self, market: Market) -> Any:
        side = "buy" if self.ctx.chance.random() < 0.5 else "sell"
        return {"symbol": market.symbol, "side": side, "qty": 1, "price": market.ask if side == "buy" else market.bid}


def _script(*answers: Any) -> dict[str, Any]:
    return {"answers": list(answers)}


def _buy(ctx: Any, market: Market) -> Any:
    return [ctx.buy(market.symbol, 1, market.ask)]


def _sell(ctx: Any, market: Market) -> Any:
    return [ctx.sell(market.symbol, 1, market.bid)]


def test_the_same_run_gives_the_same_bytes_and_another_seed_or_latency_others() -> None:
    ticks = recording(quoted([22500 + number % 7 for number in range(60)]))
    first, again = run(_Dice, {}, ticks), run(_Dice, {}, ticks)
    assert first.digest == again.digest
    assert msgspec.json.encode(first) == msgspec.json.encode(again)
    others = {run(_Dice, {}, ticks, seed=2).digest, run(_Dice, {}, ticks, latency_ms=300).digest}
    assert len(others | {first.digest}) == 3


def test_fees_profit_and_margin_are_the_ledgers_and_the_bot_reckons_the_same() -> None:
    ticks = recording(quoted([22500, 22500, 22600, 22600]))
    result = run(Scripted, _script(_buy, None, _sell), ticks)
    product = instrument("IF2501").product
    opened, closed = Decimal(22501) * product.tick_size * 300, Decimal(22599) * product.tick_size * 300
    fees = opened * product.fees.open.by_money + closed * product.fees.close_today.by_money
    gross = closed - opened
    figures = result.statistics
    assert (figures.gross_profit, figures.fees, figures.net_profit) == (gross, fees, gross - fees)
    assert result.host["pnl"] == pytest.approx(float(gross - fees))
    assert result.round_trips[0].profit == gross
    assert (figures.round_trips, figures.winners, figures.max_position, figures.final_position) == (1, 1, 1, {})


def test_margin_that_is_not_there_is_refused_by_the_house_and_without_its_rule_by_the_exchange() -> None:
    for risk, status in (({}, OrderStatus.RISK_REJECTED), ({"margin": False}, OrderStatus.REJECTED)):
        result = run(Scripted, _script(_buy), recording(quoted(FLAT)), deposit=Decimal(1000), risk=risk)
        assert [(order.status, order.reason) for order in result.orders] == [(status, "INSUFFICIENT_MONEY")]
        assert result.host["refusals"] == {"INSUFFICIENT_MONEY": 1}


def test_the_houses_own_risk_rules_judge_and_their_refusal_is_told() -> None:
    result = run(Scripted, _script(_buy), recording(quoted(FLAT)), risk={"position_limit": {"max_long": 0, "max_short": 0}})
    assert [order.status for order in result.orders] == [OrderStatus.RISK_REJECTED]
    assert result.host["refusals"] == {"POSITION_LIMIT": 1}


def test_latency_makes_an_order_meet_the_market_of_later() -> None:
    ticks = recording(quoted([22500, 22510, 22520, 22530]))

    def at_market(ctx: Any, market: Market) -> Any:
        return [ctx.buy(market.symbol, 1, market.round(market.ask, 50), order_type="FAK")]

    prompt = run(Scripted, _script(at_market), ticks)
    late = run(Scripted, _script(at_market), ticks, latency_ms=1500)
    assert (prompt.trades[0].price_ticks, at(prompt, 0)) == (22501, 0)
    assert (late.trades[0].price_ticks, at(late, 0)) == (22511, 1.5)


def test_news_comes_back_late_too() -> None:
    heard: list[tuple[str, int]] = []

    class Listens(Scripted):
        def on_event(self, event: Any) -> None:
            heard.append((event.kind, self.ctx.now_ns - event.time_ns))

    run(Listens, _script(_buy), recording(quoted(FLAT)), latency_ms=250)
    assert [(kind, late) for kind, late in heard if kind in ("ack", "fill")] == [("ack", 250_000_000), ("fill", 250_000_000)]


def test_a_resting_order_waits_behind_what_is_shown_until_the_market_comes_through() -> None:
    def join(ctx: Any, market: Market) -> Any:
        return [ctx.buy(market.symbol, 3, market.bid)]

    # The bid stays where it is for three seconds; then the market falls by one tick, to where its ask meets the order's price.
    ticks = recording(quoted([22500] * 4, lots=5), quoted([22498] * 2, from_s=4, lots=2))
    seen = [
        msgspec.structs.replace(one, volume_lots=number, turnover=Decimal(number)) for number, one in enumerate(ticks.ticks, 1)
    ]
    result = run(Scripted, _script(join), msgspec.structs.replace(ticks, ticks=seen))
    # Two lots of it are shown, and shown again a second later: so many can be had, and no more at once.
    assert [(at(result, number), trade.price_ticks, trade.volume_lots) for number, trade in enumerate(result.trades)] == [
        (4, 22499, 2),
        (5, 22499, 1),
    ]


def test_a_day_is_settled_between_two_days_and_lots_become_history() -> None:
    days: list[int] = []

    class CountsDays(Scripted):
        def on_event(self, event: Any) -> None:
            if event.kind is EventKind.DAY:
                days.append(event.trading_day)

    ticks = recording(quoted(FLAT), quoted(FLAT, from_s=NEXT_DAY_S))
    result = run(CountsDays, _script(_buy, *[None] * 9, _sell), ticks)
    assert days == [20250107]
    assert [trade.offset for trade in result.trades] == ["OPEN", "CLOSE"]
    product = instrument("IF2501").product
    assert Decimal(result.trades[1].fee) == Decimal(22499) * product.tick_size * 300 * product.fees.close_yesterday.by_money
    assert result.statistics.final_position == {}


def test_a_gap_in_the_recording_is_noted_and_its_ticks_are_used() -> None:
    late = [msgspec.structs.replace(one, pre_settlement=Decimal(4600)) for one in quoted(FLAT, from_s=NEXT_DAY_S)]
    result = run(Scripted, _script(), recording(quoted(FLAT), late))
    assert (result.ticks, result.other_references, result.refused_ticks) == (20, [("IF2501", 20250107)], {})


def test_ticks_the_venue_cannot_take_are_counted_by_what_is_wrong() -> None:
    ticks = quoted(FLAT)
    ticks[3] = msgspec.structs.replace(ticks[3], last_ticks=99_999)
    result = run(Scripted, _script(), recording(ticks))
    assert (result.ticks, result.refused_ticks) == (9, {"last_ticks": 1})


def test_what_works_at_the_end_is_cancelled() -> None:
    result = run(
        Scripted, _script(lambda ctx, market: [ctx.buy(market.symbol, 1, market.round(market.bid, -9))]), recording(quoted(FLAT))
    )
    assert [order.status for order in result.orders] == [OrderStatus.CANCELLED]
    assert result.host["working"] == 0


def test_a_bot_that_errs_is_not_sound_and_one_that_cannot_start_is_refused() -> None:
    result = run(Scripted, _script(*[ValueError("no")] * 9), recording(quoted(FLAT)))
    assert not result.sound
    assert (result.host["exceptions"], result.host["reason"]) == (5, "end-of-data")

    class CannotStart(Scripted):
        def on_start(self) -> None:
            raise RuntimeError("no")

    with pytest.raises(BotRefused) as refused:
        run(CannotStart, _script(), recording(quoted(FLAT)))
    assert refused.value.reason_code == "BOT_FAILED_TO_START"


def test_a_bot_that_never_rests_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    class Restless(Scripted):
        def on_event(self, event: Any) -> None:
            self.ctx.buy("IF2501", 1, self.ctx.market("IF2501").round(4400))

    monkeypatch.setattr(house, "_MOST_AT_ONCE", 200)
    with pytest.raises(BotRefused) as refused:
        run(Restless, _script(_buy), recording(quoted(FLAT)))
    assert refused.value.reason_code == "BOT_NEVER_RESTS"


def test_two_contracts_are_traded_side_by_side() -> None:
    ticks = recording(quoted(FLAT), quoted([13_000] * 10, symbol="IH2501", from_s=0.5))
    result = run(Scripted, _script(_buy, _buy), ticks)
    assert [trade.symbol for trade in result.trades] == ["IF2501", "IH2501"]
    assert result.statistics.final_position == {"IF2501": 1, "IH2501": 1}
