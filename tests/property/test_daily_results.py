"""What bots make day by day sums to the ledger's statements, whatever trades, opens, closes and expires."""

from decimal import Decimal
from random import Random

import msgspec
import pytest
from tests.order_path import PRICE, an_intent, instrument

from tradepit.trading.ledger.ledger import Ledger
from tradepit.trading.model.errors import VenueRefused
from tradepit.trading.model.report import DayReport
from tradepit.trading.model.terms import Offset, Side
from tradepit.trading.model.trade import Trade
from tradepit.trading.records.results import DailyResults, DayOutcome

DAYS = (20250113, 20250114, 20250115, 20250116, 20250117, 20250120)
"""The last but one is the last trading day of IF2501."""
BOTS = ("", "b1", "b2", "b3")


def a_trade(random: Random, number: int, account: str, day: int, symbol: str, **more: object) -> Trade:
    intent = an_intent(number)
    told = Trade(
        trade_id=str(number),
        order_id="V",
        client_order_id=intent.client_order_id,
        account=account,
        symbol=symbol,
        exchange=intent.exchange,
        side=random.choice(list(Side)),
        offset=random.choice([Offset.OPEN, Offset.OPEN, Offset.CLOSE]),
        price_ticks=PRICE + random.randint(-300, 300),
        volume_lots=random.randint(1, 9),
        time_ns=number,
        trading_day=day,
    )
    return msgspec.structs.replace(told, **more)


@pytest.mark.parametrize("seed", range(12))
def test_all_bots_of_an_account_make_what_its_statement_says(seed: int) -> None:
    random = Random(seed)
    contracts = {symbol: instrument(symbol) for symbol in ("IF2501", "IF2502")}
    ledger, results = Ledger(DAYS[0]), DailyResults()
    for each in contracts.values():
        ledger.list_instrument(each, Decimal(3900))
    for account in ("A1", "A2"):
        ledger.open_account(account, Decimal(10**12))
    found: list[DayOutcome] = []
    number = 0
    for day, following in zip(DAYS, (*DAYS[1:], 20250121), strict=True):
        listed = sorted(ledger.symbols())
        for _ in range(random.randint(0, 60)):
            number += 1
            trade = a_trade(random, number, random.choice(["A1", "A2"]), day, random.choice(listed))
            try:
                fee = ledger.apply_trade(trade).fee
            except VenueRefused:
                continue
            paid = msgspec.structs.replace(trade, fee=str(fee))
            list(results.on_trade(paid, random.choice(BOTS), contracts[trade.symbol]))
        prices = {symbol: Decimal(random.randint(19_000, 20_000)) / 5 for symbol in listed}
        statements = ledger.settle(following, prices)
        report = DayReport(
            sequence=number,
            time_ns=0,
            trading_day=following,
            settled_day=day,
            settlement_prices={k: str(v) for k, v in prices.items()},
        )
        told = list(results.on_day(report))
        outcomes = [outcome for outcome in told if outcome.trading_day == day]
        found += outcomes
        # Whoever holds lots begins the new day with them, and with nothing made.
        begun = {outcome.owner: outcome for outcome in told if outcome.trading_day == following}
        assert len(begun) + len(outcomes) == len(told)
        assert {owner: outcome.lots for owner, outcome in begun.items()} == {
            each.owner: each.lots for each in outcomes if each.lots
        }
        assert not any(
            outcome.realized or outcome.fees or outcome.fills or outcome.mark_to_market is not None for outcome in begun.values()
        )
        for statement in statements:
            mine = [outcome for outcome in outcomes if outcome.owner[0] == statement.account]
            assert (
                sum(outcome.net or Decimal(0) for outcome in mine)
                == statement.realised + statement.mark_to_market - statement.fees
            )
            assert sum(outcome.fees for outcome in mine) == statement.fees
            held = dict.fromkeys(contracts, 0)
            for position in statement.positions:
                held[position.symbol] += position.lots if position.side is Side.BUY else -position.lots
            for symbol in contracts:
                assert sum(outcome.lots for outcome in mine if outcome.owner[2] == symbol) == held[symbol]
    assert results.trading_day == 20250121
    assert not any(holding.life.lots for owner, holding in results.holdings.items() if owner[2] == "IF2501")
    # What all days made is what the lots have made since they were opened, at the last settlement.
    for owner, holding in results.holdings.items():
        worth = Decimal(prices.get(owner[2], Decimal(0))) * 300
        made = sum((outcome.realized + (outcome.mark_to_market or 0) for outcome in found if outcome.owner == owner), Decimal(0))
        assert abs(made - holding.life.realized - holding.life.unrealized(worth)) < Decimal("0.01")


def test_a_trade_told_after_its_day_was_settled_counts_on_that_day() -> None:
    told_in_time, told_late = DailyResults(), DailyResults()
    listed = instrument()
    first = a_trade(Random(1), 1, "A1", DAYS[0], "IF2501", side=Side.BUY, volume_lots=3, fee="1.5")
    second = a_trade(Random(2), 2, "A1", DAYS[0], "IF2501", side=Side.SELL, volume_lots=5, fee="2.5")
    report = DayReport(sequence=3, time_ns=0, trading_day=DAYS[1], settled_day=DAYS[0], settlement_prices={"IF2501": "3911.4"})
    for results, before in ((told_in_time, (first, second)), (told_late, (first,))):
        for trade in before:
            list(results.on_trade(trade, "b1", listed))
    outcome, begun = told_in_time.on_day(report)
    list(told_late.on_day(report))
    late, running = told_late.on_trade(second, "b1", listed)
    assert running == begun
    assert (late.trading_day, late.net, late.fees, late.volume, late.fills, late.lots) == (
        DAYS[0], outcome.net, outcome.fees, outcome.volume, outcome.fills, outcome.lots,
    )  # fmt: skip
    assert [holding.day.unrealized(Decimal(1)) for holding in told_late.holdings.values()] == [
        holding.day.unrealized(Decimal(1)) for holding in told_in_time.holdings.values()
    ]


def test_without_a_settlement_price_the_result_counts_on_the_day_of_closing() -> None:
    results, listed = DailyResults(), instrument()
    opening = a_trade(Random(1), 1, "A1", DAYS[0], "IF2501", side=Side.BUY, volume_lots=2, price_ticks=PRICE)
    closing = a_trade(Random(1), 2, "A1", DAYS[1], "IF2501", side=Side.SELL, volume_lots=2, price_ticks=PRICE + 10)
    list(results.on_trade(opening, "b1", listed))
    ended, begun, running = results.on_trade(closing, "b1", listed)
    assert (begun.trading_day, begun.lots, begun.realized) == (DAYS[1], 2, Decimal(0))
    assert (ended.trading_day, ended.net, ended.lots) == (DAYS[0], Decimal(0), 2)
    assert (running.trading_day, running.realized, running.mark_to_market, running.net) == (DAYS[1], Decimal(1200), None, None)
    assert (
        list(results.on_day(DayReport(sequence=9, time_ns=0, trading_day=DAYS[1], settled_day=DAYS[0], settlement_prices={})))
        == []
    )
