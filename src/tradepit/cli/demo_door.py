"""The demo's door for TqSDK: a DIFF front of the house, at a port that is chosen before it starts."""

import socket

import msgspec

from tradepit.cli.watch_model import WatchModel
from tradepit.config import DiffSettings, Settings
from tradepit.runtime.free_ports import claim, free_port
from tradepit.trading.model.errors import ConfigError
from tradepit.wire.simulator import DIFF_FRONT

TRY = 'eval "$(tradepit diff-env)"'
_USUAL = DiffSettings().port
_INSTANCE = f"{DIFF_FRONT}-1"


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """Where an unmodified TqSDK can trade while the demo runs, ``use`` the line that leads a second terminal there, and who came.

    ``sessions`` counts websockets, ``orders`` what went through to order management.
    """

    url: str
    use: str = TRY
    sessions: int = 0
    orders: int = 0

    @property
    def line(self) -> str:
        """For a person."""
        return f"TqSDK can trade here, at {self.url}. In a second terminal: {self.use}"


def with_free_port(settings: Settings) -> Settings:
    """The settings with a port for the front that nobody uses now: the usual one, else any. It stays: TqSDK comes back to where it was.

    It is claimed, since the front opens later: another demo that starts meanwhile takes another. Raises ConfigError when a port
    was asked for and is taken.
    """
    diff = settings.diff
    free = _can_listen(diff.host, diff.port)
    if diff.port not in (0, _USUAL):
        if not free:
            raise ConfigError("the port is taken, or the address is none of this machine", host=diff.host, port=diff.port)
        return settings
    port = diff.port if diff.port and free and claim(diff.port) else free_port(diff.host)
    return msgspec.structs.replace(settings, diff=msgspec.structs.replace(diff, port=port))


def door_of(settings: Settings, model: WatchModel) -> Door:
    """The door as the front's heartbeats tell of it."""
    seen = model.instances.get(_INSTANCE)
    figures = seen.instance.metadata if seen is not None else {}
    return Door(
        url=f"http://{settings.diff.host}:{settings.diff.port}",
        sessions=int(figures.get("sessions", 0)),
        orders=int(figures.get("orders", 0)),
    )


def _can_listen(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As the front itself binds: a port whose last connections linger can be taken, one that is listened on cannot.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError:
            return False
    return True
