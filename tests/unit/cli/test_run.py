"""Which instances a process without named roles runs: all of a profile of one process, or of a house on a memory bus."""

import pytest

from tradepit.bots.live.settings import BotRow
from tradepit.cli.run import _all_of
from tradepit.config import BotsSettings, Settings
from tradepit.trading.model.errors import ConfigError


@pytest.mark.parametrize("profile", ["pit", "simulator", "tq"])
def test_a_profile_of_several_processes_needs_a_role(profile: str) -> None:
    with pytest.raises(ConfigError, match="name at least one role"):
        _all_of(Settings(profile=profile))


def test_on_a_memory_bus_the_house_is_one_process_with_its_bots() -> None:
    found = _all_of(Settings(profile="pit", broker="tqsdk", bus="memory://"))
    assert found[:2] == ["trading-gateway", "order-management"]
    assert "trade-executor" in found
    assert not {"bot-runner", "diff-front", "market-data"} & set(found)
    row = BotRow(bot="bot.py", bot_id="b", account="A1")
    assert "bot-runner" in _all_of(Settings(profile="pit", broker="ssi", bus="memory://", bots=BotsSettings(rows=(row,))))
    assert "market-data" in _all_of(Settings(profile="pit", bus="memory://"))
