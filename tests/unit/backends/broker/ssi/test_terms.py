"""SSI's words in the house's."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from tradepit.backends.broker.ssi import terms
from tradepit.backends.broker.ssi.frames import Funds, ToldMatch, ToldOrder, ToldPosition
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side

VN30 = load_catalog().instrument("VN30F2501", on=date(2025, 1, 6), listing_price=Decimal(1340))
INTENT = OrderIntent(
    client_order_id="c1",
    account="A",
    symbol="VN30F2501",
    exchange=Exchange.HNX,
    side=Side.BUY,
    offset=Offset.NET,
    order_type=OrderType.LIMIT,
    price_ticks=13_400,
    volume_lots=5,
)


@pytest.mark.parametrize(
    ("word", "filled", "status", "left"),
    [
        ("WA", 0, OrderStatus.SUBMITTED, 5),
        ("IAV", 0, OrderStatus.SUBMITTED, 5),
        ("QU", 0, OrderStatus.OPEN, 5),
        ("QU", 2, OrderStatus.PARTIAL, 3),
        ("PF", 2, OrderStatus.PARTIAL, 3),
        ("WM", 0, OrderStatus.OPEN, 5),
        ("WC", 2, OrderStatus.PARTIAL, 3),
        ("FF", 5, OrderStatus.FILLED, 0),
        ("FFPC", 2, OrderStatus.CANCELLED, 0),
        ("CL", 0, OrderStatus.CANCELLED, 0),
        ("RJ", 0, OrderStatus.REJECTED, 0),
        ("ERR", 0, OrderStatus.REJECTED, 0),
        ("EX", 1, OrderStatus.EXPIRED, 0),
    ],
)
def test_statuses(word: str, filled: int, status: OrderStatus, left: int) -> None:
    told = ToldOrder(
        order_id="T1 2", quantity=5, filled_qty=filled, order_status=word, reject_reason="Price 9 exceeds ceiling price 8!"
    )
    order = terms.order_of(told, INTENT, None, 7)
    assert (order.status, order.traded_lots, order.left_lots, order.order_id) == (status, filled, left, "T1-2")
    assert order.reason == ("PRICE_OVER_LIMIT" if status is OrderStatus.REJECTED else "")


def test_a_status_nobody_told_us_of_is_no_order() -> None:
    with pytest.raises(ValueError, match="unknown order status"):
        terms.order_of(ToldOrder(order_status="??"), INTENT, None, 7)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Price 9 exceeds ceiling price 8!", "PRICE_OVER_LIMIT"),
        ("Invalid market status", "NOT_TRADING_PERIOD"),
        ("account/key does not exist", "ACCOUNT_NOT_FOUND"),
        ("Price must be greater than 0", "PRICE_NOT_VALID"),
        ("Something else", "VENUE_REFUSED"),
        ("", "VENUE_REFUSED"),
    ],
)
def test_reasons(text: str, code: str) -> None:
    assert terms.reason_of(text) == code


def test_request_ids_fit_ssi_and_follow_from_the_order() -> None:
    first = terms.request_id("0000018", "c1", 20250106)
    assert len(first) == terms.MAX_REQUEST_ID
    assert first == terms.request_id("0000018", "c1", 20250106)
    others = {
        terms.request_id(*each)
        for each in (("0000018", "c1", 20250107), ("0000018", "c2", 20250106), ("0000028", "c1", 20250106))
    }
    assert len(others | {first}) == 4


@pytest.mark.parametrize(
    ("symbol", "code"),
    [("VN30F2508", "41I1F8000"), ("VN30F2510", "41I1FA000"), ("VN30F2609", "41I1G9000"), ("VN30F1M", "41I1F1000")],
)
def test_contracts_are_spelled_as_the_exchange_does(symbol: str, code: str) -> None:
    month = load_catalog().contract_month(symbol, date(2025, 1, 6))
    assert terms.krx_symbol("41I1", month) == code
    assert load_catalog().contract_month(code, date(2025, 1, 6)) == month


@pytest.mark.parametrize(
    ("value", "number"),
    [(None, 0), ("", 0), ("ATO", 0), ("1340.1", Decimal("1340.1")), (1340.1, Decimal("1340.1")), ("NaN", 0), (5, 5)],
)
def test_figures(value: float | str | None, number: Decimal) -> None:
    assert terms.number(value) == number


def test_instants_and_days() -> None:
    assert terms.instant_ns("2025/01/06 10:00:00", 7) == 1_736_132_400_000_000_000
    assert terms.instant_ns("1736132400000", 7) == 1_736_132_400_000_000_000
    assert terms.instant_ns("soon", 7) == 7
    assert terms.day_text(20250106) == "2025/01/06"


def test_an_order_from_elsewhere_is_read_as_it_is_told() -> None:
    told = ToldOrder(order_id="T9", side="S", order_type="MTL", price="MTL", quantity=3)
    intent = terms.intent_of(told, "A", "SSI-T9", VN30)
    assert (intent.side, intent.order_type, intent.price_ticks, intent.volume_lots) == (Side.SELL, OrderType.MTL, 0, 3)
    priced = terms.intent_of(ToldOrder(buy_sell="B", order_type="LO", price=1340.1, quantity=3), "A", "x", VN30)
    assert (priced.side, priced.price_ticks) == (Side.BUY, 13_401)
    with pytest.raises(ValueError, match="unknown order type"):
        terms.intent_of(ToldOrder(side="B", order_type="PLO", price=1, quantity=3), "A", "x", VN30)


def test_fills_are_told_apart_by_their_notice() -> None:
    told = ToldMatch(notify_id=17, match_price=Decimal(1340), match_qty=1)
    assert terms.match_name(told) == "17"
    silent = msgspec.structs.replace(told, notify_id="", order_id="T1", match_time="2025/01/06 10:00:00")
    assert terms.match_name(silent) == "T1/2025/01/06 10:00:00/1340/1"


def test_money_and_positions() -> None:
    funds = Funds(
        account_balance=Decimal(1000), fee=Decimal(5), floating_pl=Decimal(20), margin_req_ssi=Decimal(300), ee_ssi=Decimal(615)
    )
    account = terms.account_of("A", funds)
    figures = [account.balance, account.margin, account.frozen_margin, account.available]
    assert figures == [Decimal(figure) for figure in (1015, 300, 100, 615)]
    assert terms.account_of("A", Funds(account_balance=Decimal(1000))).frozen_margin == 0
    row = ToldPosition(symbol="41I1F1000", long=2, bid_avg_price=Decimal(1340))
    (position,) = terms.positions_of("A", row, VN30)
    assert (position.side, position.lots, position.open_cost) == (Side.BUY, 2, Decimal(268_000_000))
    assert terms.positions_of("A", ToldPosition(symbol="41I1F1000"), VN30) == []


def test_short_ids_follow_from_the_request_and_give_way_to_those_in_use() -> None:
    first = terms.short_request_id("0000018", "c1", 20250106, ())
    assert first == terms.short_request_id("0000018", "c1", 20250106, ())
    assert len(first) == 8
    assert first.isdecimal()
    assert first[0] != "0", "SSI writes leading zeros here and leaves them out there"
    assert first != terms.short_request_id("0000018", "c1", 20250107, ())
    used = {first}
    for _ in range(3):
        found = terms.short_request_id("0000018", "c1", 20250106, used)
        assert found not in used
        used.add(found)
    assert used == {str(int(first) + step) for step in range(4)}
