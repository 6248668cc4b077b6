"""Commands find the house they are meant for."""

from pathlib import Path

import pytest

from tradepit.cli.house_settings import RUNNING, settings_of
from tradepit.config import Settings
from tradepit.trading.model.errors import ConfigError


def test_the_house_that_runs_here_is_the_one_that_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings_of(None) == Settings()
    RUNNING.parent.mkdir()
    RUNNING.write_text("bus: nats://127.0.0.1:9\n")
    assert settings_of(None).bus == "nats://127.0.0.1:9"
    other = tmp_path / "other.yaml"
    other.write_text("bus: memory://\n")
    assert settings_of(other).bus == "memory://"
    with pytest.raises(ConfigError):
        settings_of(tmp_path / "nothing.yaml")
