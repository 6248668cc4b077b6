"""The position book: idempotent, order-tolerant, equal to the ledger whose trades it folds."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.ledger.ledger import Ledger
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import InstrumentNotFound, VenueRefused
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.terms import Offset, Side
from tradepit.trading.model.trade import Trade
from tradepit.trading.orders.position_book import PositionBook, digest_positions

DAY = 20250106


def listed(symbol: str) -> Instrument:
    return load_catalog().instrument(symbol, on=date(2025, 1, 6), listing_price=Decimal(1))


def trade(
    side: Side, offset: Offset, lots: int, price: int, *, symbol: str = "IF2501", account: str = "A1", day: int = DAY
) -> Trade:
    exchange = listed(symbol).product.exchange
    return Trade(
        trade_id="1", order_id="1", client_order_id="c", account=account, symbol=symbol, exchange=exchange, side=side,
        offset=offset, price_ticks=price, volume_lots=lots, time_ns=1, trading_day=day, fee="1.5",
    )  # fmt: skip


@pytest.fixture
def book() -> PositionBook:
    made = PositionBook()
    made.list_instrument(listed("IF2501"), Decimal(3900))
    made.list_instrument(listed("rb2505"), Decimal(3300))
    return made


def test_trades_count_once(book: PositionBook) -> None:
    assert book.apply(trade(Side.BUY, Offset.OPEN, 3, 19_500), 4)
    assert not book.apply(trade(Side.BUY, Offset.OPEN, 3, 19_500), 4)
    assert book.net_lots("A1", "IF2501") == 3
    assert (book.trades, book.sequence, book.trading_day) == (1, 4, DAY)


def test_a_late_trade_still_counts_once(book: PositionBook) -> None:
    book.apply(trade(Side.BUY, Offset.OPEN, 3, 19_500), 9)
    assert book.apply(trade(Side.BUY, Offset.OPEN, 2, 19_500), 7)
    assert not book.apply(trade(Side.BUY, Offset.OPEN, 2, 19_500), 7)
    assert (book.net_lots("A1", "IF2501"), book.sequence) == (5, 9)


def test_closing_more_than_held_says_that_trades_are_missing(book: PositionBook) -> None:
    book.apply(trade(Side.BUY, Offset.OPEN, 1, 19_500), 1)
    with pytest.raises(VenueRefused):
        book.apply(trade(Side.SELL, Offset.CLOSE, 2, 19_500), 2)
    assert not book.has(2)


def test_unknown_contracts_are_refused() -> None:
    with pytest.raises(InstrumentNotFound):
        PositionBook().apply(trade(Side.BUY, Offset.OPEN, 1, 19_500), 1)


def test_today_becomes_history_and_only_named_exchanges_tell_them_apart(book: PositionBook) -> None:
    book.apply(trade(Side.BUY, Offset.OPEN, 5, 3_300, symbol="rb2505"), 1)
    assert book.roll(20250107, {"rb2505": Decimal(3310)})
    assert not book.roll(20250107, {})
    book.apply(trade(Side.BUY, Offset.OPEN, 2, 3_320, symbol="rb2505", day=20250107), 2)
    book.apply(trade(Side.SELL, Offset.CLOSETODAY, 1, 3_330, symbol="rb2505", day=20250107), 3)
    (held,) = book.positions("A1")
    assert (held.today_lots, held.yesterday_lots) == (1, 5)


def test_a_book_that_slept_over_the_expiry_holds_nothing_of_the_contract(book: PositionBook) -> None:
    book.apply(trade(Side.BUY, Offset.OPEN, 5, 19_500), 1)
    book.roll(20250213, {})
    assert book.positions() == []
    assert not book.knows("IF2501")


def test_realised_profit_and_fees_of_the_day(book: PositionBook) -> None:
    book.set_funds(Account(account="A1", pre_balance=Decimal(1_000_000)))
    book.apply(trade(Side.BUY, Offset.OPEN, 2, 19_500), 1)
    book.apply(trade(Side.SELL, Offset.CLOSE, 1, 19_510), 2)
    book.mark("IF2501", 19_520)
    money = book.account("A1")
    assert money.close_profit == 10 * Decimal("0.2") * 300
    assert money.position_profit == 20 * Decimal("0.2") * 300
    assert money.fee == 3
    assert money.balance == 1_000_000 + money.close_profit + money.position_profit - 3


def test_listing_again_corrects_the_basis_of_history_lots(book: PositionBook) -> None:
    book.apply(trade(Side.BUY, Offset.OPEN, 1, 19_500), 1)
    book.roll(20250107, {"IF2501": Decimal(3900)})
    book.mark("IF2501", 19_600)
    before = book.account("A1").position_profit
    book.list_instrument(listed("IF2501"), Decimal(3910))
    assert book.account("A1").position_profit == before - 10 * 300


def test_digests_depend_on_positions_alone(book: PositionBook) -> None:
    other = PositionBook()
    other.list_instrument(listed("IF2501"), Decimal(3000))
    book.apply(trade(Side.BUY, Offset.OPEN, 2, 19_500), 1)
    book.apply(trade(Side.BUY, Offset.OPEN, 1, 19_500), 2)
    other.apply(trade(Side.BUY, Offset.OPEN, 3, 19_400), 8)
    assert book.digest() == other.digest() == digest_positions(reversed(other.positions()))
    assert book.digest() != PositionBook().digest()


def test_the_book_equals_the_ledger_whose_trades_it_folds(book: PositionBook) -> None:
    ledger = Ledger(DAY)
    ledger.list_instrument(listed("IF2501"), Decimal(3900))
    ledger.open_account("A1", Decimal(10_000_000))
    book.set_funds(Account(account="A1", deposit=Decimal(10_000_000)))
    for number, (side, offset, lots, price) in enumerate(
        [(Side.BUY, Offset.OPEN, 4, 19_500), (Side.SELL, Offset.OPEN, 3, 19_510), (Side.SELL, Offset.CLOSE, 2, 19_520)], start=1
    ):
        fill = trade(side, offset, lots, price)
        fee = ledger.apply_trade(fill).fee
        book.apply(msgspec.structs.replace(fill, fee=str(fee)), number)
    prices = {"IF2501": Decimal("3905.4")}
    ledger.settle(20250107, prices)
    book.roll(20250107, prices)
    assert book.positions() == list(ledger.positions("A1"))
    assert book.account("A1") == ledger.account("A1")
