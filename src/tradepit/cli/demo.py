"""``tradepit demo``: a whole house on this machine, broken on purpose, and the proof that nothing was lost."""

import asyncio
import contextlib
import shutil
import sys
from pathlib import Path

import msgspec
from rich.console import Console, Group
from rich.layout import Layout
from rich.live import Live
from rich.text import Text

from tradepit.cli.demo_door import door_of, with_free_port
from tradepit.cli.demo_report import DemoReport, render
from tradepit.cli.demo_script import ACTS, DemoScript
from tradepit.cli.demo_settings import demo_settings, replay_settings
from tradepit.cli.exits import Exit
from tradepit.cli.house import House
from tradepit.cli.keys import Keys
from tradepit.cli.loop import run
from tradepit.cli.output import print_json
from tradepit.cli.proof import prove
from tradepit.cli.watch_model import WatchModel
from tradepit.cli.watch_view import draw
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings, load
from tradepit.ports.bus import Bus
from tradepit.runtime.intent_log import IntentLog
from tradepit.runtime.logs import set_up
from tradepit.trading.model.errors import ConfigError, TradepitError
from tradepit.wire.simulator import DIFF_FRONT, POSITION_TRACKER, rpc_subject

_FRAME_S = 0.25
_QUIET_S = 3.0
_TRADE_EVERY_S = 0.5
_START_S = 30.0
RUNNING = Path(".tradepit/running.yaml")


def run_demo(
    *,
    seconds: float,
    headless: bool,
    ticks: Path | None,
    speed: str,
    data_dir: Path,
    seed: int,
    profile: str,
    journal: str,
    json: bool,
) -> int:
    """Run the demo; exit code 0 when nothing was lost, doubled or left unexplained."""
    if data_dir.exists():
        # Every demo starts a market of its own; only a folder a demo made is ever cleared.
        if not (data_dir / "settings.yaml").exists() and any(data_dir.iterdir()):
            raise ConfigError("the folder holds something that is no demo; name another one", folder=str(data_dir))
        shutil.rmtree(data_dir)
    data_dir.mkdir(parents=True)
    set_up("demo", level="ERROR" if not headless or json else "WARNING", folder=data_dir / "logs")
    without = frozenset({"trading-agents"}) if ticks is not None else frozenset()
    settings = msgspec.structs.replace(_settings(ticks, speed, seed), profile=profile, journal=journal)
    around = load()
    settings = msgspec.structs.replace(settings, diff=around.diff, store=around.store, records=around.records)
    settings = with_free_port(settings)
    # A recording that is played as fast as possible is over before anybody could trade in it.
    late = frozenset() if ticks is not None and not settings.market.speed else frozenset({DIFF_FRONT})
    house = House(settings, data_dir, without=without, late=late)
    try:
        house.start()
        RUNNING.parent.mkdir(parents=True, exist_ok=True)
        RUNNING.write_text(house.settings_path.read_text(encoding="utf-8"), encoding="utf-8")
        shown = not headless and sys.stdout.isatty()
        report = run(_Demo(house, seconds=seconds, shown=shown, replays=ticks is not None, door=bool(late), json=json).run())
    finally:
        house.stop()
        RUNNING.unlink(missing_ok=True)
    report = msgspec.structs.replace(report, proof=prove(data_dir))
    if ticks is not None:
        from tradepit.cli.recording import compare  # noqa: PLC0415 - polars is heavy

        report = msgspec.structs.replace(report, recording=compare(ticks, data_dir / "recordings"))
    if json:
        print_json(report)
    else:
        Console().print(render(report))
    return int(Exit.OK if report.clean else Exit.FINDINGS)


def _settings(ticks: Path | None, speed: str, seed: int) -> Settings:
    if ticks is None:
        return demo_settings(seed=seed)
    from tradepit.cli.recording import first_tick  # noqa: PLC0415 - polars is heavy

    return replay_settings(ticks.absolute(), first_tick(ticks), speed=_speed(speed))


def _speed(text: str) -> float:
    if text == "max":
        return 0.0
    try:
        speed = float(text)
    except ValueError as error:
        raise ConfigError("speed must be max or a number", speed=text[:20]) from error
    if not 0 < speed < 1e6:
        raise ConfigError("speed must be above 0", speed=text[:20])
    return speed


class _Demo:
    """The running demo: keeps dead processes alive, draws, follows the script, and measures what it can see from outside."""

    def __init__(self, house: House, *, seconds: float, shown: bool, replays: bool, door: bool, json: bool) -> None:
        self._house, self._seconds, self._shown, self._replays = house, seconds, shown, replays
        self._door, self._open, self._json = door, False, json
        self._wiring = Wiring(house.settings, process="demo")
        self._clock = self._wiring.clock
        self._model = WatchModel(self._clock)
        self._positions: list[dict[str, object]] = []
        self._said = ""
        self._began_ns = self._clock.monotonic_ns()

    async def run(self) -> DemoReport:
        """Until the time is over or somebody quits."""
        bus = self._wiring.bus()
        await bus.connect()
        log = IntentLog(self._house.folder / "intents" / "demo.jsonl")
        try:
            await self._model.connect(bus)
            client = self._wiring.client(bus)
            script = DemoScript(self._house, self._model, bus, client, self._clock, log)
            await self._play(script, bus)
            await self._settle(bus)
            return self._report(script)
        finally:
            log.close()
            await self._model.close()
            await bus.close()

    async def _play(self, script: DemoScript, bus: Bus) -> None:
        await self._wait_for_market()
        performing: set[asyncio.Task[str]] = set()
        due = [] if self._shown and not self._seconds else [act for act in ACTS if not (self._replays and act.key == "x")]
        trades = asyncio.create_task(self._trade(script))
        started_ns = self._clock.monotonic_ns()
        screen = Live(console=Console(), screen=True, auto_refresh=False) if self._shown else contextlib.nullcontext()
        try:
            with Keys(enabled=self._shown) as keys, screen as live:
                while True:
                    share = self._share(started_ns)
                    pressed = keys.pressed()
                    if "q" in pressed or share >= 1.0 or self._replay_over():
                        break
                    while due and share >= due[0].at:
                        pressed += due.pop(0).key
                    for key in pressed:
                        performing.add(asyncio.create_task(self._perform(script, key)))
                    self._house.revive()
                    self._open_door()
                    await self._ask_positions(bus)
                    if live is not None:
                        live.update(self._draw(), refresh=True)
                    await asyncio.sleep(_FRAME_S)
        finally:
            trades.cancel()
            await asyncio.gather(*performing, trades, return_exceptions=True)

    def _open_door(self) -> None:
        """Start the front, which nobody waits for, once there was a trade."""
        if not self._door or self._open or not self._model.first_trade_ns:
            return
        self._open = True
        self._house.begin_late()
        if not self._shown:
            # Standard output belongs to the one document when it is asked for.
            stream = sys.stderr if self._json else sys.stdout
            stream.write(door_of(self._house.settings, self._model).line + "\n")
            stream.flush()

    def _share(self, started_ns: int) -> float:
        """How much of the demo is over: by time, or by how much of the recording was played."""
        if self._replays:
            seen = self._model.instances.get("market-data-1")
            return float(seen.instance.metadata.get("share_done", 0)) * 0.99 if seen is not None else 0.0
        if not self._seconds:
            return 0.0
        return (self._clock.monotonic_ns() - started_ns) / (self._seconds * 1e9)

    def _replay_over(self) -> bool:
        seen = self._model.instances.get("market-data-1")
        return self._replays and seen is not None and bool(seen.instance.metadata.get("finished"))

    async def _wait_for_market(self) -> None:
        deadline_ns = self._clock.monotonic_ns() + int(_START_S * 1e9)
        while not self._model.leader()[0] or not self._model.counts["ticks"]:
            if self._clock.monotonic_ns() > deadline_ns:
                raise ConfigError("the house did not come up in time; see the logs", folder=str(self._house.folder))
            await asyncio.sleep(0.05)

    async def _perform(self, script: DemoScript, key: str) -> str:
        self._said = await script.perform(key)
        return self._said

    async def _trade(self, script: DemoScript) -> None:
        number = 0
        waiting: set[asyncio.Task[None]] = set()
        while True:
            number += 1
            task = asyncio.create_task(script.trade_once(number))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
            await asyncio.sleep(_TRADE_EVERY_S)

    async def _ask_positions(self, bus: Bus) -> None:
        with contextlib.suppress(TradepitError, msgspec.MsgspecError):
            answer = await bus.request(rpc_subject(POSITION_TRACKER, "positions"), b"{}", timeout_s=0.2)
            self._positions = msgspec.json.decode(answer, type=_Positions).positions

    async def _settle(self, bus: Bus) -> None:
        """Stop the agents, let what is in hand come to its end, so that the books can be compared."""
        for name, member in self._house.members.items():
            if "trading-agents-1" in member.instances:
                member.expected = False
                self._house.send(name, 15)  # type: ignore[arg-type]  # SIGTERM by number
        deadline_ns = self._clock.monotonic_ns() + int(3 * _QUIET_S * 1e9)
        await asyncio.sleep(_QUIET_S)
        while self._clock.monotonic_ns() < deadline_ns and not self._quiet():
            self._house.revive()
            await asyncio.sleep(_FRAME_S)
        await self._ask_positions(bus)

    def _quiet(self) -> bool:
        leader, _ = self._model.leader()
        seen = self._model.instances.get(leader)
        return seen is not None and not seen.instance.metadata.get("in_doubt")

    def _draw(self) -> Layout:
        keys = "   ".join(f"[{act.key}] {act.words}" for act in ACTS)
        lines = [Text(keys + "   [q] quit and prove", style="dim"), Text(self._said, style="bold yellow")]
        if self._open:
            lines.append(Text(door_of(self._house.settings, self._model).line, style="dim"))
        footer = Group(*lines)
        elapsed = (self._clock.monotonic_ns() - self._began_ns) / 1e9
        return draw(self._model, title=f"tradepit · {elapsed:.0f} s", footer=footer, positions=self._positions)

    def _report(self, script: DemoScript) -> DemoReport:
        model = self._model
        first_s = (model.first_trade_ns - self._began_ns) / 1e9 if model.first_trade_ns else None
        return DemoReport(
            seconds=round((self._clock.monotonic_ns() - self._began_ns) / 1e9, 1),
            first_trade_s=None if first_s is None else round(first_s, 2),
            ticks=model.counts["ticks"],
            orders=model.counts["orders"],
            trades=model.counts["trades"],
            acts=tuple(script.done),
            revived={name: member.revived for name, member in self._house.members.items() if member.revived},
            epoch=model.leader()[1],
            market_data=self._market_data(),
            diff_front=door_of(self._house.settings, model) if self._door else None,
        )

    def _market_data(self) -> dict[str, str | int | float | bool]:
        """What became of the played ticks: taken by the exchange, refused there by code, refused at reading."""
        seen = self._model.instances.get("market-data-1")
        if seen is None or not self._replays:
            return {}
        wanted = ("rows", "played", "refused_rows", "accepted", "refused", "finished")
        metadata = seen.instance.metadata
        return {name: figure for name, figure in metadata.items() if name in wanted or name.startswith("refused_")}


class _Positions(msgspec.Struct, kw_only=True):
    positions: list[dict[str, object]] = []
