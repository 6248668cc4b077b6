"""``tradepit bot run``: one bot in this process, on a house that runs already."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tradepit.bots.live.seat import read_config
from tradepit.bots.live.settings import BotRow
from tradepit.bots.loading import check_config, load_bot
from tradepit.cli.assignments import assignments
from tradepit.cli.exits import Exit
from tradepit.cli.loop import run
from tradepit.cli.output import print_json, print_line
from tradepit.compose.bots import make_bot_runner, secrets_of
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.runtime.host import Host
from tradepit.runtime.logs import set_up
from tradepit.services.bot_runner import BotRunner
from tradepit.trading.model.errors import ConfigError
from tradepit.trading.model.ids import check_id, is_id
from tradepit.wire.simulator import BOT_RUNNER


def run_bot(
    settings: Settings,
    file: str,
    *,
    params: Sequence[str],
    bot_id: str,
    account: str,
    symbols: Sequence[str],
    mount: Path | None,
    port: int | None,
    seed: int,
    json: bool,
) -> int:
    """Exit 0 when the bot was stopped, 1 when it failed or was stopped by force. Raises BotRefused, ConfigError, BadRequest."""
    row = BotRow(
        bot=file,
        bot_id=check_id(bot_id or os.environ.get("BOT_ID", "") or _name_of(file), "bot_id"),
        account=check_id(account or os.environ.get("ACCOUNT_ID", "") or settings.orders.default_account, "account"),
        params=params_of(os.environ, mount, params, under_mount=True),
        symbols=tuple(check_id(symbol, "symbol") for symbol in symbols),
        seed=seed,
        mount=str(mount) if mount is not None else "",
    )
    set_up(f"bot-{row.bot_id}", level=settings.log.level, folder=settings.folder / "logs" if settings.log.files else None)
    # What cannot be right is said before anything is connected.
    check_config(load_bot(file), params_of(os.environ, mount, params))
    told = settings.bots.runner
    bots = msgspec.structs.replace(
        settings.bots,
        port=settings.bots.port if port is None else port,
        runner=msgspec.structs.replace(told, data_api=told.data_api or os.environ.get("DATA_API_URL", "")),
    )
    wiring = Wiring(msgspec.structs.replace(settings, bots=bots), process=f"bot-{row.bot_id}"[:40])
    secrets_of(wiring, row.mount).read("broker")
    runner = run(_run(wiring, row, tells=not json))
    beat = runner.seats[row.bot_id].heartbeat()
    if json:
        print_json(beat)
    else:
        print_line(f"{row.bot_id} {beat.phase} ({beat.reason}) · {beat.ticks} ticks · {beat.intents} intents")
    clean = beat.phase == "stopped" and not runner.seats[row.bot_id].figures.forced_stops
    return int(Exit.OK if clean else Exit.FINDINGS)


async def _run(wiring: Wiring, row: BotRow, *, tells: bool) -> BotRunner:
    host = Host(wiring.bus(), wiring.cache(), wiring.clock)
    runner = make_bot_runner(wiring, f"{BOT_RUNNER}-{row.bot_id}"[:64], [row], on_idle=host.end)
    host.add(runner)
    host.connect_too(wiring.more_buses)
    announcing = asyncio.ensure_future(_announce(runner, row, wiring.settings)) if tells else None
    try:
        await host.run(wiring.follow_time)
    finally:
        if announcing is not None:
            announcing.cancel()
    return runner


async def _announce(runner: BotRunner, row: BotRow, settings: Settings) -> None:
    """Say what has begun, and where it can be watched."""
    while not runner.url:  # noqa: ASYNC110 - an address is all that the door tells of its opening
        await asyncio.sleep(0.05)
    log = f" · log {settings.folder / 'logs' / f'bot-{row.bot_id}.log'}" if settings.log.files else ""
    print_line(f"{row.bot_id} on account {row.account} · {runner.url}/metrics{log} · Ctrl-C stops it")


def params_of(
    environment: Mapping[str, str], mount: Path | None, params: Sequence[str], *, under_mount: bool = False
) -> dict[str, Any]:
    """The parameters a bot gets: those of the mount, or without one those of BOT_CONFIG, and the command line's over them.

    ``under_mount``: without the mount's, which are read at each start of the bot.
    """
    given = assignments(params)
    if mount is None:
        return _from(environment) | given
    return given if under_mount else read_config(mount / "config.json") | given


def _from(environment: Mapping[str, str]) -> dict[str, Any]:
    text = environment.get("BOT_CONFIG", "")
    try:
        return msgspec.json.decode(text, type=dict[str, Any]) if text.strip() else {}
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ConfigError("BOT_CONFIG is no JSON object", problem=str(error)[:200]) from error


def _name_of(file: str) -> str:
    place = file.partition(":")[0]
    if not place.endswith(".py"):
        return place.rpartition(".")[2]
    path = Path(place).resolve()
    # ``tradepit bot new`` calls every bot's file the same: two of them must not be taken for one.
    return path.parent.name if path.name == "bot.py" and is_id(path.parent.name) else path.stem
