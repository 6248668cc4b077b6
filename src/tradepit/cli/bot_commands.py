"""``tradepit bot``: run a bot on a running house, check one, begin one."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tradepit.cli.house_settings import settings_of

bot = App(name="bot", help="Run a bot on a running house, check one, or begin a new one.")

Config = Annotated[Path | None, Parameter(name=["--config", "-c"], help="Settings file (YAML) of the house.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="One JSON document instead of tables.")]
Params = Annotated[list[str] | None, Parameter(consume_multiple=True, negative="", help="Parameters: ``name=value``.")]
Symbols = Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")]


@bot.command
def run(
    file: str,
    *,
    param: Params = None,
    bot_id: Annotated[str, Parameter(name="--id", help="Else BOT_ID, else the file's name; its folder's for ``bot.py``.")] = "",
    account: Annotated[str, Parameter(help="Else ACCOUNT_ID, else the house's default account.")] = "",
    symbols: Symbols = None,
    mount: Annotated[Path | None, Parameter(help="A folder with config.json and broker.json.")] = None,
    port: Annotated[int | None, Parameter(help="Of metrics and health, 0 for any; else bots.port.")] = None,
    seed: int = 1,
    config: Config = None,
    json: Json = False,
) -> int:
    """Run FILE (``file.py``, ``file.py:Class``, ``package.module:Class``) on the running house until it is stopped.

    Ctrl-C, SIGTERM, STOP on ``bot.commands.<id>`` and the stop flag stop it. Parameters are those of the
    mount's ``config.json``, or without a mount of BOT_CONFIG (JSON), and ``--param`` over them; secrets likewise are in the mount's
    ``broker.json`` or in BOT_SECRETS (JSON). Exit 1
    when the bot failed or had to be stopped by force.
    """
    from tradepit.cli.bot_run import run_bot  # noqa: PLC0415 - each command loads only what it needs

    return run_bot(
        settings_of(config),
        file,
        params=param or (),
        bot_id=bot_id,
        account=account,
        symbols=symbols or (),
        mount=mount,
        port=port,
        seed=seed,
        json=json,
    )


@bot.command
def check(
    file: str,
    *,
    param: Params = None,
    symbols: Symbols = None,
    ticks: Annotated[int, Parameter(help="Of each contract, in the dry run.")] = 2_000,
    mount: Annotated[Path | None, Parameter(help="A folder with config.json.")] = None,
    seed: int = 1,
    json: Json = False,
) -> int:
    """Check FILE before it trades: that it can be imported, keeps the contract, takes the parameters, and survives a generated market.

    SYMBOLS are the contracts of that market, IF2501 and IC2501 when not given. Exit 1 when something was found.
    """
    from tradepit.cli.bot_check import check_bot  # noqa: PLC0415 - each command loads only what it needs

    return check_bot(
        file, params=param or (), symbols=symbols or ("IF2501", "IC2501"), ticks=ticks, mount=mount, seed=seed, json=json
    )


@bot.command
def new(name: str, *, folder: Annotated[Path | None, Parameter(help="Else ./NAME.")] = None, json: Json = False) -> int:
    """Begin a bot: a folder with a bot that trades, its parameters, a test that runs a backtest, and a README."""
    from tradepit.cli.bot_new import new_bot  # noqa: PLC0415 - each command loads only what it needs

    return new_bot(name, folder or Path(name), json=json)
