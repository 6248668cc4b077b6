from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tradepit.trading.matching.commands import ApplyTick
from tradepit.trading.model.terms import Exchange, SessionPhase
from tradepit.trading.model.tick import Level

OPEN = "2025-01-06 09:31"


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("exchange", {"exchange": Exchange.DCE}),
        ("trading_day", {"trading_day": 20250103}),
        ("upper_limit_ticks", {"upper_limit_ticks": 20_901}),
        ("lower_limit_ticks", {"lower_limit_ticks": 17_099}),
        ("pre_settlement", {"pre_settlement": Decimal("3800.2")}),
        ("last_ticks", {"last_ticks": 20_901}),
        ("high_ticks", {"high_ticks": -1}),
        ("volume_lots", {"volume_lots": -1}),
        ("volume_lots", {"volume_lots": 2**40, "turnover": Decimal(1)}),
        ("turnover", {"turnover": Decimal("NaN")}),
        ("turnover", {"turnover": Decimal("1e300"), "volume_lots": 1}),
        ("turnover", {"turnover": Decimal(5)}),
        ("turnover", {"volume_lots": 5}),
        ("open_interest", {"open_interest": -1}),
        ("bids", {"bids": (Level(17_099, 1),)}),
        ("bids", {"bids": (Level(19_000, 0),)}),
        ("bids", {"bids": (Level(18_999, 1), Level(19_000, 1))}),
        ("asks", {"asks": (Level(20_901, 1),)}),
        ("asks", {"asks": tuple(Level(19_001 + n, 1) for n in range(11))}),
        ("asks", {"asks": (Level(19_000, 1),)}),
    ],
)
def test_a_tick_that_does_not_fit_is_refused_with_the_field_at_fault(
    pit: Callable[..., Any], field: str, changes: dict[str, Any]
) -> None:
    market = pit("IF2501", start=OPEN)
    before = market.venue.digest()
    tick = msgspec.structs.replace(market.tick({19_000: 1}, {19_001: 1}), **changes)
    (refused,) = market.do(ApplyTick(tick=tick))
    assert (refused.code, refused.details["field"]) == ("TICK_NOT_VALID", field)
    assert market.venue.digest() == before, "nothing changed"


def test_figures_that_run_backwards_are_refused(pit: Callable[..., Any]) -> None:
    market = pit("IF2501", start=OPEN)
    assert market.show({}, {}, volume_lots=10, turnover=Decimal(11_400_000)) == []
    (less,) = market.show({}, {}, volume_lots=9, turnover=Decimal(11_400_000))
    (older,) = market.show({}, {}, volume_lots=10, turnover=Decimal(11_400_000), time_ns=market.now_ns - 1)
    assert (less.details["field"], older.details["field"]) == ("volume_lots", "time_ns")


def test_a_tick_that_agrees_with_the_days_limits_is_taken_and_a_crossed_auction_row_too(pit: Callable[..., Any]) -> None:
    market = pit("IF2501", start=OPEN)
    agreeing = {"upper_limit_ticks": 20_900, "lower_limit_ticks": 17_100, "pre_settlement": Decimal(3800)}
    assert market.show({19_000: 1}, {19_001: 1}, **agreeing) == []
    assert market.show({19_005: 1}, {19_001: 1}, phase=SessionPhase.AUCTION_ORDERING) == []
    assert market.book() == ({}, {}), "what is not continuous is not quoted"
