"""TqSDK's words in the house's."""

from decimal import Decimal

import msgspec
import pytest

from tradepit.backends.broker.tqsdk.frames import ToldAccount, ToldOrder, ToldPosition, ToldQuote, ToldTick
from tradepit.backends.broker.tqsdk.terms import (
    account_of,
    amount,
    intent_of,
    listing_of,
    order_types,
    position_of,
    reason_of,
    status_of,
    tick_of,
    ticks_of,
)
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import IdNotValid
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, SessionPhase, Side
from tradepit.trading.model.tick import Level

TEN = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China
TOLD = {
    "account": "A",
    "order_id": "c1",
    "exchange_id": "SHFE",
    "instrument_id": "rb2505",
    "direction": "BUY",
    "offset": "OPEN",
    "volume_orign": 5,
    "volume_left": 5,
    "status": "ALIVE",
    "exchange_order_id": "   100001",
    "limit_price": 3295.0,
    "price_tick": 1.0,
}


def told(**changes: object) -> ToldOrder:
    return ToldOrder(**(TOLD | changes))  # type: ignore[arg-type]  # changed by name


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, OrderStatus.OPEN),
        ({"volume_left": 2}, OrderStatus.PARTIAL),
        ({"volume_left": 0, "status": "FINISHED"}, OrderStatus.FILLED),
        ({"status": "FINISHED"}, OrderStatus.CANCELLED),
        ({"status": "FINISHED", "volume_left": 2}, OrderStatus.CANCELLED),
        ({"status": "FINISHED", "exchange_order_id": ""}, OrderStatus.REJECTED),
        ({"status": "FINISHED", "exchange_order_id": "      "}, OrderStatus.REJECTED),
        ({"status": "FINISHED", "exchange_order_id": "", "volume_left": 2}, OrderStatus.CANCELLED),
    ],
)
def test_a_refusal_is_told_from_a_cancel(changes: dict[str, object], status: OrderStatus) -> None:
    assert status_of(told(**changes)) is status


@pytest.mark.parametrize(
    ("price", "tick", "ticks"),
    [(3295.0, 1.0, 3295), (3900.2, 0.2, 19_501), (0.1 + 0.2, 0.1, 3), (85.305, 0.005, 17_061), (0.0, 1.0, 0)],
)
def test_prices_are_ticks(price: float, tick: float, ticks: int) -> None:
    assert ticks_of(price, tick) == ticks


def test_figures_are_what_they_were_meant_to_be() -> None:
    assert [str(amount(value)) for value in (0.1 + 0.2, 1e7, 1_234_567.8900001, -3.5, 0.0)] == [
        "0.3",
        "10000000",
        "1234567.89",
        "-3.5",
        "0",
    ]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("CTP:资金不足", "INSUFFICIENT_MONEY"),
        ("CTP:平昨仓位不足", "OVER_CLOSEYESTERDAY"),
        ("CTP:平今仓位不足", "OVER_CLOSETODAY"),
        ("CTP:报单价格超出涨跌停板", "PRICE_OVER_LIMIT"),
        ("CTP:平仓量超过持仓量", "OVER_CLOSE_POSITION"),
        ("CTP:当前状态禁止此项操作", "NOT_TRADING_PERIOD"),
        ("something else", "VENUE_REFUSED"),
    ],
)
def test_a_refusal_has_a_stable_code(message: str, code: str) -> None:
    assert reason_of(message) == code


@pytest.mark.parametrize(
    ("conditions", "kind"),
    [
        (("LIMIT", "GFD", "ANY"), OrderType.LIMIT),
        (("LIMIT", "IOC", "ANY"), OrderType.FAK),
        (("LIMIT", "IOC", "ALL"), OrderType.FOK),
        (("ANY", "IOC", "ANY"), OrderType.MARKET),
    ],
)
def test_an_order_of_another_client_is_understood(conditions: tuple[str, str, str], kind: OrderType) -> None:
    price_type, time, volume = conditions
    intent = intent_of(told(price_type=price_type, time_condition=time, volume_condition=volume))
    assert (intent.client_order_id, intent.account, intent.order_type, intent.price_ticks) == ("c1", "A", kind, 3295)
    assert (intent.exchange, intent.side, intent.offset) == (Exchange.SHFE, Side.BUY, Offset.OPEN)


def test_an_id_or_contract_that_has_no_place_here_is_refused() -> None:
    with pytest.raises(IdNotValid):
        intent_of(told(order_id="a.b"))
    with pytest.raises(IdNotValid):
        intent_of(told(instrument_id="SP rb2505&rb2510"))
    with pytest.raises(ValueError, match="SSE"):
        intent_of(told(exchange_id="SSE"))


@pytest.mark.parametrize("exchange", [exchange for exchange in Exchange if exchange is not Exchange.HNX])
def test_order_types_are_those_tqsdk_sends(exchange: Exchange) -> None:
    types = order_types(exchange)
    assert (OrderType.MARKET in types) == (exchange in (Exchange.DCE, Exchange.CZCE, Exchange.GFEX))
    assert (OrderType.FOK in types) == (exchange is not Exchange.CZCE)
    assert {OrderType.LIMIT, OrderType.FAK} <= types


def test_the_identities_of_an_account_hold() -> None:
    account = account_of(
        "A",
        ToldAccount(
            currency="CNY",
            pre_balance=1_000_000.0,
            deposit=500.5,
            withdraw=0.5,
            close_profit=-200.0,
            position_profit=100.0,
            float_profit=50.0,
            commission=1.25,
            margin=30_000.0,
            frozen_margin=10_000.0,
            frozen_commission=2.0,
        ),
    )
    assert account.balance == Decimal("1000398.75")
    assert account.available == Decimal("960396.75")


def test_the_brokers_own_sums_count_where_it_has_items_of_its_own() -> None:
    told = ToldAccount(
        currency="CNY",
        pre_balance=1_000_000.0,
        deposit=0.0,
        withdraw=0.0,
        close_profit=100.0,
        position_profit=0.0,
        float_profit=0.0,
        commission=1.25,
        margin=30_000.0,
        frozen_margin=0.0,
        frozen_commission=0.0,
        # A premium of 2,000 was received, and 500 are withheld for one that may have to be paid.
        balance=1_002_098.75,
        available=971_598.75,
    )
    account = account_of("A", told)
    assert (account.balance, account.available) == (Decimal("1002098.75"), Decimal("971598.75"))
    assert (account.margin, account.frozen_margin) == (Decimal(30_000), Decimal(500))
    # What is told in floats differs in digits that nobody meant.
    same = account_of("A", msgspec.structs.replace(told, balance=1_000_098.7500004, available=970_098.7499996))
    assert (same.balance, same.close_profit, same.frozen_margin) == (Decimal("1000098.75"), Decimal(100), Decimal(0))


def test_a_position_keeps_its_buckets() -> None:
    told = ToldPosition(
        exchange_id="SHFE",
        instrument_id="rb2505",
        direction="SELL",
        today=3,
        history=4,
        frozen_today=1,
        frozen_history=2,
        open_cost=231_000.0,
        margin=20_000.0,
        float_profit=1.0,
        position_profit=-1.0,
    )
    position = position_of("A", told)
    assert position is not None
    # One on an exchange that has no place here is left out.
    assert position_of("A", msgspec.structs.replace(told, exchange_id="SSE")) is None
    assert (position.side, position.lots, position.frozen_lots) == (Side.SELL, 7, 3)
    assert (position.today_lots, position.yesterday_lots, position.open_cost) == (3, 4, Decimal(231_000))


QUOTE = ToldQuote(
    symbol="SHFE.rb2505",
    price_tick=1.0,
    multiplier=10,
    expire_s=1_747_292_400.0,
    lower_limit=3_100.0,
    upper_limit=3_500.0,
    pre_settlement=3_295.0,
    max_limit_lots=500,
)


def test_a_contract_has_the_catalogues_rules_and_the_brokers_figures() -> None:
    listing = listing_of(QUOTE, load_catalog(), TEN)
    assert listing is not None
    instrument = listing.instrument
    assert (instrument.symbol, str(instrument.expiry), instrument.product.exchange) == ("rb2505", "2025-05-15", Exchange.SHFE)
    assert (listing.lower_limit_ticks, listing.upper_limit_ticks, listing.pre_settlement) == (3_100, 3_500, Decimal(3_295))
    assert listing.phase is SessionPhase.CONTINUOUS
    assert OrderType.MARKET not in instrument.product.order_types


@pytest.mark.parametrize("symbol", ["SHFE.IF2501", "CFFEX.nothing9", "KQ.m@SHFE"])
def test_a_contract_the_house_has_no_rules_for_is_left_out(symbol: str) -> None:
    quote = ToldQuote(symbol=symbol, price_tick=0.2, multiplier=300, pre_settlement=3_900.0)
    assert listing_of(quote, load_catalog(), TEN) is None


def test_without_limits_told_the_products_band_holds() -> None:
    quote = ToldQuote(symbol="CFFEX.IF2501", price_tick=0.2, multiplier=300, pre_settlement=3_900.0)
    listing = listing_of(quote, load_catalog(), TEN)
    assert listing is not None
    assert (listing.lower_limit_ticks, listing.upper_limit_ticks) == listing.instrument.price_band(Decimal(3_900))


def test_a_market_is_in_ticks_and_its_phase_is_the_calendars() -> None:
    told = ToldTick(
        symbol="CFFEX.IF2501", price_tick=0.2, time_ns=TEN, trading_day=20250106, last=3900.2, volume=7, turnover=8_190_420.0,
        open_interest=5, pre_settlement=3899.9, bids=[(3900.2, 1)], asks=[(3900.4, 2), (3900.8, 1)],
    )  # fmt: skip
    tick = tick_of(told, load_catalog(), TEN)
    assert tick is not None
    assert (tick.symbol, tick.exchange, tick.last_ticks, tick.pre_settlement) == (
        "IF2501",
        Exchange.CFFEX,
        19_501,
        Decimal("3899.9"),
    )
    assert (tick.bids, tick.asks) == ((Level(19_501, 1),), (Level(19_502, 2), Level(19_504, 1)))
    assert (tick.open_ticks, tick.turnover, tick.phase) == (0, Decimal(8_190_420), SessionPhase.CONTINUOUS)
    noon = tick_of(told, load_catalog(), TEN + 2 * 3_600_000_000_000)
    assert noon is not None
    assert noon.phase is not SessionPhase.CONTINUOUS
    assert tick_of(msgspec.structs.replace(told, symbol="SHFE.IF2501"), load_catalog(), TEN) is None
    assert tick_of(msgspec.structs.replace(told, symbol="KQ.m@SHFE"), load_catalog(), TEN) is None
