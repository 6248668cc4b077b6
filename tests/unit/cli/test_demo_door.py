"""The port of the demo's door, and what is said of it."""

import socket

import msgspec
import pytest

from tradepit.cli import demo_door
from tradepit.cli.demo_door import Door, door_of, with_free_port
from tradepit.cli.watch_model import WatchModel
from tradepit.config import DiffSettings, Settings
from tradepit.runtime.clock import SystemClock
from tradepit.trading.model.errors import ConfigError


def test_a_usual_port_that_is_taken_is_replaced_and_one_asked_for_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = int(other.getsockname()[1])
        settings = Settings(diff=DiffSettings(port=taken))
        with pytest.raises(ConfigError):
            with_free_port(settings)
        # As if that were the usual one.
        monkeypatch.setattr(demo_door, "_USUAL", taken)
        chosen = with_free_port(settings).diff
    assert chosen.port not in (0, taken)
    assert msgspec.structs.replace(chosen, port=taken) == settings.diff
    # Free again, it is had by the first who asks: the front of another demo, which opens later, must find its own free.
    assert with_free_port(settings) == settings
    assert with_free_port(settings).diff.port not in (0, taken)
    monkeypatch.undo()
    assert with_free_port(settings) == settings


def test_what_is_said_of_a_door_nobody_came_through() -> None:
    door = door_of(Settings(diff=DiffSettings(port=7799)), WatchModel(SystemClock()))
    assert door == Door(url="http://127.0.0.1:7799", use='eval "$(tradepit diff-env)"', sessions=0, orders=0)
    assert door.url in door.line
    assert door.use in door.line
