"""The exchange's facts."""

from collections.abc import Callable

import pytest

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Exchange, Offset, OrderType
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.validity import Validity


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"account": "x"}, "ACCOUNT_NOT_FOUND"),
        ({"symbol": "IF2502"}, "INSTRUMENT_NOT_FOUND"),
        ({"exchange": Exchange.SHFE}, "EXCHANGE_NOT_VALID"),
        ({"offset": Offset.NET}, "OFFSET_NOT_VALID"),
        ({"symbol": "VN30F2501", "exchange": Exchange.HNX, "price_ticks": 13000}, "OFFSET_NOT_VALID"),
        ({"symbol": "VN30F2501", "exchange": Exchange.HNX, "price_ticks": 13000, "offset": Offset.NET}, None),
        (
            {"symbol": "rb2505", "exchange": Exchange.SHFE, "order_type": OrderType.MARKET, "price_ticks": 0},
            "ORDER_TYPE_NOT_SUPPORTED",
        ),
        ({"volume_lots": 0}, "VOLUME_NOT_VALID"),
        ({"volume_lots": -1}, "VOLUME_NOT_VALID"),
        ({"volume_lots": 20}, None),
        ({"volume_lots": 21}, "VOLUME_NOT_VALID"),
        ({"volume_lots": 11, "order_type": OrderType.MARKET, "price_ticks": 0}, "VOLUME_NOT_VALID"),
        ({"volume_lots": 10, "order_type": OrderType.MARKET, "price_ticks": 0}, None),
        ({"order_type": OrderType.MARKET, "price_ticks": 1}, "PRICE_NOT_VALID"),
        ({"price_ticks": 0}, "PRICE_NOT_VALID"),
        ({"price_ticks": -5}, "PRICE_NOT_VALID"),
        ({"price_ticks": 22_500}, None),
        ({"price_ticks": 22_499}, "PRICE_OVER_LIMIT"),
        ({"price_ticks": 27_500}, None),
        ({"price_ticks": 27_501}, "PRICE_OVER_LIMIT"),
    ],
)
def test_each_fact_has_its_code(
    changes: dict[str, object], code: str | None, exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    refused = Validity().check(make_intent(**changes), exposure, now)
    assert (refused.code if refused else None) == code


def test_an_expired_contract_is_not_traded(exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int) -> None:
    exposure.trading_day = 20250117
    assert Validity().check(make_intent(), exposure, now) is None
    exposure.trading_day = 20250120
    refused = Validity().check(make_intent(), exposure, now)
    assert refused is not None
    assert (refused.code, refused.limit, refused.value) == ("INSTRUMENT_NOT_TRADING", "20250117", "20250120")


def test_unknown_price_limits_refuse_unless_told_otherwise(
    exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    exposure.markets["IF2501"].roll(None)
    refused = Validity().check(make_intent(), exposure, now)
    assert refused is not None
    assert (refused.code, refused.limit) == ("PRICE_OVER_LIMIT", "unknown")
    assert Validity(limits_required=False).check(make_intent(), exposure, now) is None
