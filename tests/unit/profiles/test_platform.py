"""Profile ``platform``: the pit's roles and PowerScreen's, each instance in one process."""

from tradepit.profiles import pit, platform, powerscreen
from tradepit.wire import platform as contract
from tradepit.wire.data_api import DATA_API, MARKET_CACHE
from tradepit.wire.simulator import BOT_RUNNER, EXECUTION_ALGO, ORDER_MANAGEMENT, RISK_API, TRADING_AGENTS


def test_it_has_what_the_document_draws() -> None:
    roles = {role.name: role for role in platform.ROLES}
    assert len(roles) == len(platform.ROLES) == len(pit.ROLES) + len(powerscreen.ROLES) + 1
    for name in (
        contract.TRADE_EXECUTOR,
        contract.ALERT_RELAY,
        ORDER_MANAGEMENT,
        RISK_API,
        DATA_API,
        MARKET_CACHE,
        *(role.name for role in powerscreen.ROLES),
    ):
        assert not roles[name].on_request
    for name in (BOT_RUNNER, EXECUTION_ALGO, TRADING_AGENTS):
        assert roles[name].on_request
    assert contract.ORDER_INTENTS in roles[contract.TRADE_EXECUTOR].consumes
