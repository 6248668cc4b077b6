"""The bench of backtests: what is installed takes part, each doing what it is said to do."""

from importlib.util import find_spec

import pytest

from tradepit.cli.bench import backtest
from tradepit.cli.bench.backtest_peers import PEERS


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_sends_every_order(name: str) -> None:
    package, peer = PEERS[name]
    if find_spec(package) is None:
        pytest.skip("the dependency group bench is not installed")
    assert peer(200, 4) > 0


def test_ours_is_measured_and_the_absent_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest, "PEERS", {"nobody": ("no_such_package", lambda events, every: 0.0)})
    told = backtest.run(repeats=1, events=400)
    assert (told["events"], told["orders"]) == (400, 100)
    assert told["BotBase"]["median_ns"] > told["BotBase"]["event_without_orders_ns"] > 0
    assert told["order rate over nobody"] == "not installed (dependency group bench)"
