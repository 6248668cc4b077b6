"""The environment for TqSDK, for a shell and for a program."""

import json

import pytest

from tradepit.cli.diff_env import show_diff_env
from tradepit.config import DiffSettings, Settings
from tradepit.trading.model.errors import ConfigError


def test_a_shell_and_a_program_are_told_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(diff=DiffSettings(port=7799))
    assert show_diff_env(settings, json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert show_diff_env(settings, json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["TQ_AUTH_URL"] == "http://127.0.0.1:7799"
    assert [line.removeprefix("export ").split("=", 1) for line in lines] == [[name, value] for name, value in told.items()]


def test_a_port_that_changes_cannot_be_told() -> None:
    with pytest.raises(ConfigError):
        show_diff_env(Settings(diff=DiffSettings(port=0)), json=False)
