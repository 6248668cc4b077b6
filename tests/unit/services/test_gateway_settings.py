"""The gateway's settings refuse what is unknown or out of range."""

import msgspec
import pytest

from tradepit.services.gateway_settings import GatewaySettings


@pytest.mark.parametrize("settings", [{"batch_commands": 0}, {"oops": 1}, {"faults": {"lose_ack": {"probability": 2}}}])
def test_wrong_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(settings, GatewaySettings)


def test_nothing_goes_wrong_on_purpose_by_default() -> None:
    assert msgspec.convert({}, GatewaySettings).faults == GatewaySettings().faults
    assert GatewaySettings().faults.lose_ack.probability == 0
