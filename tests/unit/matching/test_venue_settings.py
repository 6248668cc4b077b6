import msgspec
import pytest

from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.errors import ConfigError
from tradepit.trading.model.terms import PriceRule, SelfTradePolicy


def test_an_account_may_have_its_own_self_trade_policy() -> None:
    settings = VenueSettings(self_trade_by_account={"mm": SelfTradePolicy.ALLOW})
    assert settings.self_trade_of("mm") is SelfTradePolicy.ALLOW
    assert settings.self_trade_of("ann") is SelfTradePolicy.CANCEL_NEWEST


def test_settings_are_read_strictly() -> None:
    read = msgspec.convert({"price_rule": "cn_median", "self_trade_by_account": {"a": "allow"}}, VenueSettings)
    assert read.price_rule is PriceRule.CN_MEDIAN
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"pricerule": "maker"}, VenueSettings)


@pytest.mark.parametrize(
    "changes", [{"settle_minute": 900}, {"settle_minute": 1080}, {"snapshot_ns": -1}, {"max_outside_levels": -1}]
)
def test_settings_out_of_range_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        VenueSettings(**changes)  # type: ignore[arg-type]  # any field, by name
