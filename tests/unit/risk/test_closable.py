"""Only free lots can be closed."""

from collections.abc import Callable

import pytest

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Exchange, Offset, Side
from tradepit.trading.risk.closable import Closable
from tradepit.trading.risk.exposure import Exposure

Make = Callable[..., OrderIntent]


def test_working_closes_freeze_lots(exposure: Exposure, make_intent: Make, hold: Callable[..., None], now: int) -> None:
    hold(exposure, volume_lots=5)
    closing = make_intent(client_order_id="c", side=Side.SELL, offset=Offset.CLOSE, volume_lots=4)
    assert Closable().check(closing, exposure, now) is None
    exposure.on_accepted(closing)
    refused = Closable().check(closing, exposure, now)
    assert refused is not None
    assert (refused.code, refused.limit, refused.value) == ("OVER_CLOSE_POSITION", "1", "4")
    assert Closable().check(make_intent(), exposure, now) is None


@pytest.mark.parametrize(
    ("offset", "lots", "code"),
    [
        (Offset.CLOSETODAY, 2, None),
        (Offset.CLOSETODAY, 3, "OVER_CLOSETODAY"),
        (Offset.CLOSE, 1, "OVER_CLOSEYESTERDAY"),
        (Offset.CLOSEYESTERDAY, 1, "OVER_CLOSEYESTERDAY"),
    ],
)
def test_shfe_tells_today_from_history(
    offset: Offset, lots: int, code: str | None, exposure: Exposure, make_intent: Make, hold: Callable[..., None], now: int
) -> None:
    rb = {"symbol": "rb2505", "exchange": Exchange.SHFE, "price_ticks": 3300}
    hold(exposure, volume_lots=2, side=Side.SELL, **rb)
    refused = Closable().check(make_intent(offset=offset, volume_lots=lots, **rb), exposure, now)
    assert (refused.code if refused else None) == code


def test_nothing_held_is_nothing_to_close(exposure: Exposure, make_intent: Make, now: int) -> None:
    refused = Closable().check(make_intent(offset=Offset.CLOSE), exposure, now)
    assert refused is not None
    assert refused.limit == "0"
