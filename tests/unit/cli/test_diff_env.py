"""The environment for TqSDK, for a shell and for a program."""

import json

import pytest

from tradepit.cli.diff_env import show_diff_env
from tradepit.config import DiffSettings, Settings
from tradepit.trading.model.errors import ConfigError


def test_a_shell_and_a_program_are_told_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(diff=DiffSettings(port=7799))
    assert show_diff_env(settings, json=False, own={}) == 0
    lines = capsys.readouterr().out.splitlines()
    assert show_diff_env(settings, json=True, own={}) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["TQ_AUTH_URL"] == "http://127.0.0.1:7799"
    assert [line.removeprefix("export ").split("=", 1) for line in lines] == [[name, value] for name, value in told.items()]


def test_what_would_replace_the_account_is_unset_and_a_proxy_is_gone_round_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    own = {"TQ_ACTION": "run", "TQ_PASSWORD": "another's", "TQ_MINE": "1", "NO_PROXY": "10.0.0.1,127.0.0.1"}
    assert show_diff_env(Settings(), json=False, own=own) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("unset")] == ["unset TQ_ACTION", "unset TQ_PASSWORD"]
    assert {"export NO_PROXY=127.0.0.1,10.0.0.1", "export no_proxy=127.0.0.1"} <= set(lines)
    assert not any("another's" in line for line in lines)


def test_a_port_that_changes_cannot_be_told() -> None:
    with pytest.raises(ConfigError):
        show_diff_env(Settings(diff=DiffSettings(port=0)), json=False)
