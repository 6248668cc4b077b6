from collections.abc import Callable
from decimal import Decimal

import pytest

from tradepit.trading.ledger.fills import FillResult
from tradepit.trading.ledger.ledger import Ledger
from tradepit.trading.model.errors import BadRequest, VenueRefused
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.product import CloseRule, FeeRate, FeeSchedule
from tradepit.trading.model.terms import Exchange, Offset, Side
from tradepit.trading.model.trade import Trade

Orders = Callable[..., OrderIntent]
Ledgers = Callable[..., Ledger]


def test_worked_example_of_a_close_over_history_and_today(ledger: Ledgers, order: Orders) -> None:
    pit = ledger()
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3006, 2), 3006, 2)
    pit.settle(20250107, {"c2505": Decimal(3005)})
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 2), 3000, 2)
    result = pit.apply_fill(order("a", Side.SELL, Offset.CLOSE, 3004, 3), 3004, 3)
    assert result == FillResult(offset=Offset.CLOSE, fee=Decimal("2.4"), close_profit=Decimal(20), today_lots=1, yesterday_lots=2)
    left = pit.position("a", "c2505", Side.BUY)
    assert (left.today_lots, left.yesterday_lots, left.open_cost) == (1, 0, Decimal(30_000))


def test_cffex_consumes_history_but_charges_today_first(ledger: Ledgers, order: Orders) -> None:
    rates = [FeeRate(by_volume=Decimal(fee)) for fee in (20, 20, 300)]
    fees = FeeSchedule(open=rates[0], close_yesterday=rates[1], close_today=rates[2])
    pit = ledger(close_rule=CloseRule.FIFO_FEE_TODAY_FIRST, fees=fees)
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 2), 3000, 2)
    pit.settle(20250107, {"c2505": Decimal(3000)})
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 1), 3000, 1)
    closes = [pit.apply_fill(order("a", Side.SELL, Offset.CLOSE, 3000, 1), 3000, 1) for _ in range(3)]
    assert [close.fee for close in closes] == [300, 20, 20]
    assert [(close.yesterday_lots, close.today_lots) for close in closes] == [(1, 0), (1, 0), (0, 1)]


@pytest.mark.parametrize("offset", [Offset.CLOSETODAY, Offset.CLOSEYESTERDAY])
def test_exchanges_without_buckets_report_close(ledger: Ledgers, order: Orders, offset: Offset) -> None:
    pit = ledger()
    pit.apply_fill(order("a", Side.SELL, Offset.OPEN, 3000, 1), 3000, 1)
    assert pit.apply_fill(order("a", Side.BUY, offset, 2990, 1), 2990, 1).offset is Offset.CLOSE
    assert pit.account("a").close_profit == 100


def test_named_buckets_report_what_was_asked(ledger: Ledgers, order: Orders) -> None:
    pit = ledger(close_rule=CloseRule.NAMED)
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 2), 3000, 2)
    assert pit.apply_fill(order("a", Side.SELL, Offset.CLOSETODAY, 3001, 1), 3001, 1).offset is Offset.CLOSETODAY
    before = pit.digest()
    with pytest.raises(VenueRefused, match="OVER_CLOSEYESTERDAY"):
        pit.apply_fill(order("a", Side.SELL, Offset.CLOSE, 3001, 1), 3001, 1)
    assert pit.digest() == before


def test_without_offsets_a_fill_reduces_then_opens(ledger: Ledgers, order: Orders) -> None:
    pit = ledger(close_rule=CloseRule.NET)
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 2), 3000, 2)
    result = pit.apply_fill(order("a", Side.SELL, Offset.NET, 3010, 5), 3010, 5)
    assert (result.offset, result.today_lots, result.opened_lots) == (Offset.NET, 2, 3)
    assert result.close_profit == 200
    assert result.fee == Decimal("3.6")
    assert pit.position("a", "c2505", Side.BUY).lots == 0
    assert pit.position("a", "c2505", Side.SELL).lots == 3


def test_partial_fills_unfreeze_their_share(ledger: Ledgers, order: Orders) -> None:
    pit = ledger()
    buy = order("a", Side.BUY, Offset.OPEN, 3100, 5)
    pit.reserve(buy)
    pit.apply_fill(buy, 3050, 2)
    account = pit.account("a")
    assert (account.frozen_margin, account.frozen_fee, account.margin) == (Decimal(9000), Decimal("3.6"), Decimal(6100))
    pit.apply_fill(buy, 3050, 3)
    assert pit.account("a").frozen_margin == pit.release("a", buy.client_order_id) == 0
    sell = order("a", Side.SELL, Offset.CLOSE, 3100, 4)
    pit.reserve(sell)
    pit.apply_fill(sell, 3100, 1)
    assert pit.position("a", "c2505", Side.BUY).frozen_lots == 3


def test_a_late_fill_after_release_still_counts(ledger: Ledgers, order: Orders) -> None:
    pit = ledger()
    buy = order("a", Side.BUY, Offset.OPEN, 3000, 2)
    pit.reserve(buy)
    pit.release("a", buy.client_order_id)
    pit.apply_fill(buy, 3000, 2)
    assert pit.position("a", "c2505", Side.BUY).lots == 2
    assert pit.account("a").frozen_margin == 0


@pytest.mark.parametrize(("price_ticks", "lots"), [(0, 1), (3000, 0), (3000, -1)])
def test_a_fill_has_a_price_and_a_volume(ledger: Ledgers, order: Orders, price_ticks: int, lots: int) -> None:
    with pytest.raises(BadRequest):
        ledger().apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 1), price_ticks, lots)


def test_an_offset_the_exchange_does_not_know(ledger: Ledgers, order: Orders) -> None:
    with pytest.raises(VenueRefused, match="OFFSET_NOT_VALID"):
        ledger().apply_fill(order("a", Side.BUY, Offset.NET, 3000, 1), 3000, 1)


def test_a_follower_of_trades_arrives_at_the_same_ledger(ledger: Ledgers, order: Orders) -> None:
    venue, follower = ledger(), ledger()
    for side, offset, price_ticks in ((Side.BUY, Offset.OPEN, 3001), (Side.SELL, Offset.CLOSETODAY, 3007)):
        intent = order("a", side, offset, price_ticks, 1)
        venue.reserve(intent)
        result = venue.apply_fill(intent, price_ticks, 1)
        trade = Trade(
            trade_id="t",
            order_id="1",
            client_order_id=intent.client_order_id,
            account="a",
            symbol="c2505",
            exchange=Exchange.DCE,
            side=side,
            offset=result.offset,
            price_ticks=price_ticks,
            volume_lots=1,
            time_ns=0,
            trading_day=20250106,
        )
        assert follower.apply_trade(trade) == result
    assert follower.digest() == venue.digest()
