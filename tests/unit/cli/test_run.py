"""Which instances a process without named roles runs, and what a process is called."""

import pytest

from tradepit.bots.live.settings import BotRow
from tradepit.cli.run import _all_of, _process_name
from tradepit.config import BotsSettings, Settings
from tradepit.profiles import tq, tq_flat
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


@pytest.mark.parametrize(
    ("profile", "names", "name"),
    [
        ("tq_flat", [role.name for role in tq_flat.ROLES], "tqsdk_broker_connect"),
        ("tq", [f"{role.name}-1" for role in tq.ROLES], "tq"),
        ("tq", ["tq_order_monitor"], "tq_order_monitor"),
        ("tq", ["tq_order_submitter", "tq_order_handler", "tq_account_handler"], "tq_order_submitter+2"),
    ],
)
def test_a_process_is_called_as_its_profile_calls_it(profile: str, names: list[str], name: str) -> None:
    assert _process_name(Settings(profile=profile, broker="tqsdk"), names) == name
