from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tradepit.trading.matching.commands import Transfer
from tradepit.trading.matching.events import StatementIssued
from tradepit.trading.model.terms import Offset, Side

BUY, SELL = Side.BUY, Side.SELL
Pits = Callable[..., Any]


def test_a_commodity_settles_at_the_days_average_night_included(pit: Pits) -> None:
    market = pit("rb2505", start="2025-01-03 21:00")
    market.trade("1", 3310, 3)
    market.at("2025-01-06 09:00")
    market.trade("2", 3330, 1)
    market.at("16:00")
    (day,) = market.days()
    assert day.settlement_prices == {"rb2505": "3315"}
    assert market.venue.reference("rb2505") == 3315


def test_an_index_future_settles_at_the_last_hours_average(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 09:31")
    market.trade("1", 19_100, 5)
    market.at("14:00")
    market.trade("2", 19_000, 1)
    market.trade("3", 19_004, 1)
    market.at("16:00")
    assert market.days()[0].settlement_prices == {"IF2501": "3800.4"}
    # 3800.4 give or take 10 %, rounded inward to 0.2.
    assert market.venue.band("IF2501") == (17_102, 20_902)


def test_without_a_trade_the_reference_stays(pit: Pits) -> None:
    market = pit("IF2501", "rb2505")
    market.at("16:00")
    assert {symbol: Decimal(price) for symbol, price in market.days()[0].settlement_prices.items()} == {
        "IF2501": 3800,
        "rb2505": 3300,
    }


def test_profit_is_marked_to_settlement_and_today_becomes_history(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 14:30")
    market.trade("1", 19_000, 1)
    market.trade("2", 19_010, 1)
    market.at("16:00")
    statements = {event.statement.account: event.statement for event in market.events if isinstance(event, StatementIssued)}
    assert list(statements) == ["ann", "bob", "cy"]
    assert statements["ann"].trading_day == 20250106
    assert statements["ann"].mark_to_market == -statements["bob"].mark_to_market == 0
    fee = Decimal("26.22") + Decimal("26.2338")
    assert statements["ann"].fees == fee
    assert statements["ann"].closing == 50_000_000 - fee
    (position,) = market.venue.positions("ann")
    assert (position.today_lots, position.yesterday_lots) == (0, 2)
    assert market.venue.account("ann").pre_balance == 50_000_000 - fee


def test_the_day_report_is_numbered_like_every_other(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 09:31")
    market.trade("1", 19_000, 1)
    market.at("2025-01-07 09:31")
    market.trade("2", 19_000, 1)
    numbers = [event.sequence for event in market.events if hasattr(event, "sequence")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert market.venue.order("ann", "a-2").order_id == "IF2501-20250107-1"


def test_an_expired_contract_is_paid_out_and_delisted(pit: Pits) -> None:
    market = pit("IF2501", "IF2502", start="2025-01-17 14:30")
    market.trade("1", 19_000, 2)
    market.show({19_020: 5}, {19_030: 5})
    market.order("ann", "out", SELL, 19_020, 1, Offset.CLOSE)
    market.at("15:00")
    before = {account: market.venue.account(account).balance for account in ("ann", "bob")}
    settled = market.venue.outside_value()
    market.at("16:00")
    price = Decimal(market.days()[0].settlement_prices["IF2501"])
    assert price == Decimal("3801.3"), "2 lots at 3800 and 1 at 3804"
    assert [instrument.symbol for instrument in market.venue.instruments()] == ["IF2502"]
    assert market.venue.positions("ann") == market.venue.positions("bob") == ()
    moved = sum((market.venue.account(account).balance - before[account] for account in before), Decimal(0))
    assert moved + market.venue.outside_value() - settled == 0
    market.instruments["IF2501"] = market.instruments["IF2501"]
    market.order("ann", "late", BUY, 19_000, 1, symbol="IF2501")
    assert market.state("ann", "late")[3] == "INSTRUMENT_NOT_FOUND"


def test_where_the_outside_trades_its_figures_alone_make_the_price(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 14:30")
    market.show({}, {}, last_ticks=19_000, volume_lots=100, turnover=Decimal(114_000_000))
    market.trade("1", 19_500, 5)
    market.at("14:40")
    market.show({}, {}, last_ticks=19_010, volume_lots=110, turnover=Decimal(114_000_000) + 10 * 300 * 3802)
    market.at("16:00")
    # The first 100 lots were traded before the venue listened; the ten it saw in the last hour count.
    assert market.days()[0].settlement_prices == {"IF2501": "3802"}


def test_a_settlement_price_never_leaves_the_days_limits(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 14:30")
    market.show({}, {}, volume_lots=1, turnover=Decimal(10**9))
    market.at("16:00")
    assert Decimal(market.days()[0].settlement_prices["IF2501"]) == Decimal("4180.0")


def test_vietnam_settles_at_the_last_price_and_without_a_trade_at_the_reference(pit: Pits) -> None:
    market = pit("VN30F2501", start="2025-01-06 10:30", settle_minute=15 * 60 + 30)
    for account in ("ann", "bob"):
        market.do(Transfer(transfer_id=account, account=account, amount=Decimal(10_000_000_000)))
    for name, price in (("1", 13_500), ("2", 13_407)):
        market.order("ann", f"a{name}", BUY, price, 1, Offset.NET)
        market.order("bob", f"b{name}", SELL, price, 1, Offset.NET)
    market.at("17:00")
    market.at("2025-01-07 17:00")
    assert [day.settlement_prices for day in market.days()] == [{"VN30F2501": "1340.7"}] * 2
    # 1340.7 give or take 7 %, rounded inward to 0.1.
    assert market.venue.band("VN30F2501") == (12_469, 14_345)
