"""``tradepit watch``: the running house, live in the terminal."""

import asyncio
import contextlib

import msgspec
from rich.console import Console
from rich.live import Live
from rich.text import Text

from tradepit.cli.exits import Exit
from tradepit.cli.keys import Keys
from tradepit.cli.loop import run
from tradepit.cli.watch_model import WatchModel
from tradepit.cli.watch_view import draw
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.runtime.logs import set_up
from tradepit.trading.model.errors import TradepitError
from tradepit.wire.simulator import POSITION_TRACKER, rpc_subject

_FRAME_S = 0.25


class _Positions(msgspec.Struct, kw_only=True):
    positions: list[dict[str, object]] = []


def run_watch(settings: Settings) -> int:
    """Watch until q is pressed."""
    set_up("watch", level="ERROR", folder=None)
    run(_watch(settings))
    return int(Exit.OK)


async def _watch(settings: Settings) -> None:
    wiring = Wiring(settings, process="watch")
    bus = wiring.bus()
    await bus.connect()
    model, positions = WatchModel(wiring.clock), list[dict[str, object]]()
    await model.connect(bus)
    footer = Text("[q] quit", style="dim")
    try:
        with Keys(enabled=True) as keys, Live(console=Console(), screen=True, auto_refresh=False) as live:
            while "q" not in keys.pressed():
                with contextlib.suppress(TradepitError, msgspec.MsgspecError):
                    answer = await bus.request(rpc_subject(POSITION_TRACKER, "positions"), b"{}", timeout_s=0.2)
                    positions = msgspec.json.decode(answer, type=_Positions).positions
                live.update(draw(model, title="tradepit", footer=footer, positions=positions), refresh=True)
                await asyncio.sleep(_FRAME_S)
    finally:
        await model.close()
        await bus.close()
