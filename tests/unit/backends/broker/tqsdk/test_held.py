"""What was held when the day began: what is held now, undone by the day's trades."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tradepit.backends.broker.tqsdk.book import TqsdkBook
from tradepit.backends.broker.tqsdk.frames import ToldHeld, ToldPosition, ToldQuote, ToldTrade
from tradepit.backends.broker.tqsdk.held import held_before
from tradepit.trading.model.report import DayReport, TradeReport

QUOTES = {"SHFE.rb2505": ToldQuote(symbol="SHFE.rb2505", price_tick=1.0, multiplier=10, pre_settlement=3_490.0)}


def side(direction: str, today: int, history: int, instrument: str = "rb2505") -> ToldPosition:
    return ToldPosition(
        exchange_id="SHFE", instrument_id=instrument, direction=direction, today=today, history=history, frozen_today=0,
        frozen_history=0, open_cost=35_000.0 * (today + history), margin=0.0, float_profit=0.0, position_profit=0.0,
    )  # fmt: skip


def trade(direction: str, offset: str, volume: int) -> ToldTrade:
    return ToldTrade(
        account="A", trade_id="t", order_id="o", exchange_trade_id="1", exchange_id="SHFE", instrument_id="rb2505",
        direction=direction, offset=offset, price=3_510.0, volume=volume, time_ns=1,
    )  # fmt: skip


def test_without_trades_all_that_is_held_was_held_before() -> None:
    (held,) = held_before("A", [side("SELL", 0, 3)], [], QUOTES)
    assert (held.account, held.instrument_id, held.direction, held.lots, held.open_price) == ("A", "rb2505", "SELL", 3, 3_500.0)


def test_what_the_days_trades_explain_was_not() -> None:
    assert held_before("A", [side("BUY", 3, 0)], [trade("BUY", "OPEN", 3)], QUOTES) == []
    (held,) = held_before("A", [side("BUY", 2, 1)], [trade("BUY", "OPEN", 2), trade("SELL", "CLOSE", 4)], QUOTES)
    assert held.lots == 5


def test_lots_that_were_closed_since_were_held_at_the_settlement_price() -> None:
    (held,) = held_before("A", [], [trade("SELL", "CLOSE", 4)], QUOTES)
    assert (held.direction, held.lots, held.open_price) == ("BUY", 4, 3_490.0)


def test_options_and_contracts_without_a_quote_are_left_out() -> None:
    quotes = QUOTES | {"SHFE.rb2505C3000": msgspec.structs.replace(QUOTES["SHFE.rb2505"], symbol="SHFE.rb2505C3000")}
    assert held_before("A", [side("BUY", 0, 1, "rb2505C3000"), side("BUY", 0, 1, "hc2505")], [], quotes) == []


@given(st.integers(0, 20), st.lists(st.integers(-5, 5)))
def test_undoing_the_day_gives_the_evening_before(before: int, changes: list[int]) -> None:
    held, trades = before, []
    for change in changes:
        if change > 0:
            trades.append(trade("BUY", "OPEN", change))
        elif change < 0 and held + change >= 0:
            trades.append(trade("SELL", "CLOSE", -change))
        else:
            continue
        held += change
    sides = [side("BUY", 0, held)] if held else []
    assert sum(each.lots for each in held_before("A", sides, trades, QUOTES)) == before


def test_a_journal_with_reports_carries_nothing() -> None:
    held = [
        ToldHeld(
            account="A", exchange_id="SHFE", instrument_id="rb2505", direction="BUY", lots=3, open_price=3500.4, price_tick=1.0
        )
    ]
    strange = [msgspec.structs.replace(held[0], exchange_id="NASDAQ")]
    book = TqsdkBook()
    facts = book.carry(held + strange, 20250106, {"rb2505": "3490"}, 5)
    trade, day = (fact.report for fact in facts)
    assert isinstance(trade, TradeReport)
    assert (trade.sequence, trade.trading_day, trade.trade.price_ticks, trade.trade.volume_lots) == (1, 20250103, 3500, 3)
    assert isinstance(day, DayReport)
    assert (day.sequence, day.settled_day, day.trading_day, day.settlement_prices) == (2, 20250103, 20250106, {"rb2505": "3490"})
    for number, fact in enumerate(facts, start=1):
        book.apply(fact, number)
    assert book.trading_day == 20250106
    assert book.carry(held, 20250107, {}, 6) == []
    assert TqsdkBook().carry([], 20250106, {}, 5) == []
