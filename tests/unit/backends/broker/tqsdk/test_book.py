"""What the TqSDK broker knows, as a fold of its journal."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tradepit.backends.broker.broker_book import Fact, Taken, TermBegan, Told
from tradepit.backends.broker.tqsdk.book import TqsdkBook
from tradepit.backends.broker.tqsdk.frames import News, ToldOrder, ToldTrade
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, TradeReport
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side

DAY = 20250106
INTENT = OrderIntent(
    client_order_id="c1",
    account="A",
    symbol="rb2505",
    exchange=Exchange.SHFE,
    side=Side.BUY,
    offset=Offset.OPEN,
    order_type=OrderType.LIMIT,
    price_ticks=3500,
    volume_lots=5,
    reference="bot",
)


def an_order(left: int = 5, status: str = "ALIVE", number: str = "77", order_id: str = "c1") -> ToldOrder:
    return ToldOrder(
        account="A",
        order_id=order_id,
        exchange_id="SHFE",
        instrument_id="rb2505",
        direction="BUY",
        offset="OPEN",
        volume_orign=5,
        volume_left=left,
        status=status,
        exchange_order_id=number,
        limit_price=3500.0,
        price_tick=1.0,
    )


def a_trade(number: int, lots: int, exchange_number: str | None = None) -> ToldTrade:
    return ToldTrade(
        account="A",
        trade_id=f"c1|{number}",
        order_id="c1",
        exchange_trade_id=f"  {number}" if exchange_number is None else exchange_number,
        exchange_id="SHFE",
        instrument_id="rb2505",
        direction="BUY",
        offset="OPEN",
        price=3500.0,
        volume=lots,
        time_ns=1,
        price_tick=1.0,
    )


def learn(book: TqsdkBook, *told: ToldOrder | ToldTrade, day: int = DAY) -> list[Told]:
    orders = [one for one in told if isinstance(one, ToldOrder)]
    trades = [one for one in told if isinstance(one, ToldTrade)]
    facts = book.learn(News(trading_day=day, orders=orders, trades=trades), 9)
    for fact in facts:
        book.apply(fact, 1)
    return facts


def test_what_was_asked_for_stays_with_the_order() -> None:
    book = TqsdkBook()
    book.apply(Taken(intent=INTENT, trading_day=DAY), 1)
    (fact,) = learn(book, an_order())
    assert isinstance(fact.report, OrderReport)
    assert fact.report.order.intent is INTENT
    assert book.taken == {}


def test_an_order_of_another_client_is_told_too() -> None:
    book = TqsdkBook()
    (fact,) = learn(book, an_order(order_id="PYSDK_insert_9"))
    assert isinstance(fact.report, OrderReport)
    assert fact.report.order.client_order_id == "PYSDK_insert_9"
    assert learn(book, an_order(order_id="a.b")) == []


def test_told_again_it_is_no_news() -> None:
    book = TqsdkBook()
    assert len(learn(book, an_order(), a_trade(1, 2), an_order(left=3))) == 3
    assert learn(book, an_order(left=3), a_trade(1, 2)) == []
    assert learn(book, an_order()) == []


def test_trades_come_before_the_state_they_made() -> None:
    kinds = [type(fact.report) for fact in learn(TqsdkBook(), an_order(left=0, status="FINISHED"), a_trade(1, 2), a_trade(2, 3))]
    assert kinds == [TradeReport, TradeReport, OrderReport]


def test_the_exchanges_number_names_a_trade_unless_it_does_not_tell_it_apart() -> None:
    book = TqsdkBook()
    facts = learn(book, an_order(left=1), a_trade(1, 1), a_trade(2, 1, "  1"), a_trade(3, 1, ""))
    facts += learn(book, a_trade(4, 1, "1"))
    trades = [fact.report.trade.trade_id for fact in facts if isinstance(fact.report, TradeReport)]
    assert trades == ["1", "c1|2", "c1|3", "c1|4"]


def test_a_finished_order_never_opens_again_and_takes_late_fills() -> None:
    book = TqsdkBook()
    learn(book, an_order(left=3, status="FINISHED"))
    assert learn(book, an_order(left=3)) == []
    (late,) = learn(book, an_order(left=2, status="FINISHED"))
    assert isinstance(late.report, OrderReport)
    assert (late.report.order.status, late.report.order.traded_lots) == (OrderStatus.CANCELLED, 3)


def test_a_voided_order_stays_voided_and_is_noticed_when_it_works_after_all() -> None:
    book = TqsdkBook()
    book.apply(Taken(intent=INTENT, trading_day=DAY), 1)
    book.apply(book.void(INTENT, 5, DAY), 2)
    assert (book.orders["A", "c1"].status, book.orders["A", "c1"].reason) == (OrderStatus.REJECTED, "NOT_SENT")
    news = News(trading_day=DAY, orders=[an_order()], trades=[])
    assert book.returned(news) == [("A", "c1")]
    assert book.learn(news, 9) == []
    (fill,) = book.learn(News(trading_day=DAY, orders=[], trades=[a_trade(1, 1)]), 9)
    assert isinstance(fill.report, TradeReport)


def test_a_new_day_is_one_report_and_yesterdays_are_forgotten_a_day_later() -> None:
    book = TqsdkBook()
    assert book.begin_day(DAY, {}, 1) == []
    learn(book, an_order(left=0, status="FINISHED"), a_trade(1, 5))
    for day in (DAY + 1, DAY + 2):
        (fact,) = book.begin_day(day, {"rb2505": "3501"}, 1)
        book.apply(fact, 3)
        assert book.begin_day(day, {}, 1) == []
        assert isinstance(fact.report, DayReport)
        assert fact.report.settled_day == day - 1
        assert ("A", "c1") in book.orders or day == DAY + 2
    assert (book.orders, book.trades, book.trading_day) == ({}, {}, DAY + 2)


def test_the_place_of_a_report_in_the_journal_is_found() -> None:
    book = TqsdkBook()
    for number in range(1, 3001):
        learned = book.learn(News(trading_day=DAY, orders=[an_order(order_id=f"c{number}")], trades=[]), 9)
        book.apply(learned[0], number + 10)
    for after in (0, 1, 999, 1000, 1001, 2999, 3000):
        assert book.entry_before(after) <= after + 10
        assert book.entry_before(after) > after + 10 - 1002


def test_facts_survive_the_journal() -> None:
    book = TqsdkBook()
    facts: list[Fact] = [TermBegan(), Taken(intent=INTENT, trading_day=DAY), *learn(book, an_order(left=3), a_trade(1, 2))]
    again = TqsdkBook()
    for fact in facts:
        again.apply(msgspec.json.decode(msgspec.json.encode(fact), type=Fact), 1)
    assert (again.orders, again.trades, again.last_report) == (book.orders, book.trades, 2)


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=12))
def test_whatever_is_repeated_the_numbers_have_no_gap_and_the_fills_add_up(told: list[tuple[int, bool]]) -> None:
    book = TqsdkBook()
    reports = []
    for number, with_order in told:
        left = 5 - len({told[i][0] for i in range(len(told)) if told[i][0] <= number})
        news: list[ToldOrder | ToldTrade] = [a_trade(number, 1)]
        reports += learn(book, *news, *([an_order(left=left)] if with_order else []))
    assert [fact.report.sequence for fact in reports] == list(range(1, len(reports) + 1))
    trades = [fact for fact in reports if isinstance(fact.report, TradeReport)]
    assert len(trades) == len({number for number, _ in told})
