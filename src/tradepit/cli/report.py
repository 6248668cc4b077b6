"""``tradepit report``: results, settlements and fills from the store's records, as a table or a file."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from tradepit.cli.house_settings import settings_of

report = App(name="report", help="Results, settlements and fills from the store's records, as a table or a file.")

Config = Annotated[Path | None, Parameter(name=["--config", "-c"], help="Settings file (YAML) of the house.")]
Format = Annotated[Literal["table", "csv", "parquet", "json"], Parameter(name="--format", help="Parquet needs ``--out``.")]
Out = Annotated[Path | None, Parameter(help="A file instead of standard output; it is there whole or not at all.")]
Account = Annotated[str, Parameter(help="Of one account only.")]
Bot = Annotated[str | None, Parameter(help="Of one bot only; empty for orders of no bot.")]
Symbol = Annotated[str, Parameter(help="Of one contract only.")]
First = Annotated[int, Parameter(name="--from", help="The first trading day, YYYYMMDD.")]
Last = Annotated[int, Parameter(name="--to", help="The last trading day, YYYYMMDD.")]


@report.command
def pnl(
    *,
    by: Literal["bot", "account", "day"] = "bot",
    account: Account = "",
    bot: Bot = None,
    symbol: Symbol = "",
    first_day: First = 0,
    last_day: Last = 0,
    form: Format = "table",
    out: Out = None,
    config: Config = None,
) -> int:
    """What was made: realised, marked to the day's settlement price, fees and net, by bot, by account or by trading day.

    Lots of a day that is not settled count at the newest price in the records, and ``settled`` says ``no``; where there is none,
    they do not count. All bots of an account make what its settlement statements say.
    """
    from tradepit.cli.report_run import run_pnl  # noqa: PLC0415 - each command loads only what it needs
    from tradepit.ports.trading_records import Choice  # noqa: PLC0415 - as above

    choice = Choice(account=account, bot=bot, symbol=symbol, first_day=first_day, last_day=last_day)
    return run_pnl(settings_of(config), by, choice, form, out)


@report.command
def settlement(
    *,
    account: Annotated[str, Parameter(help="The account.")],
    day: Annotated[int, Parameter(help="The trading day, YYYYMMDD.")],
    form: Format = "table",
    out: Out = None,
    config: Config = None,
) -> int:
    """The exchange's daily statement of an account, as its ledger made it, with the lots carried over."""
    from tradepit.cli.report_run import run_settlement  # noqa: PLC0415 - each command loads only what it needs

    return run_settlement(settings_of(config), account, day, form, out)


@report.command
def executions(
    *,
    account: Account = "",
    bot: Bot = None,
    symbol: Symbol = "",
    first_day: First = 0,
    last_day: Last = 0,
    form: Format = "table",
    out: Out = None,
    config: Config = None,
) -> int:
    """Every fill, in the order of the exchange's time."""
    from tradepit.cli.report_run import run_executions  # noqa: PLC0415 - each command loads only what it needs
    from tradepit.ports.trading_records import Choice  # noqa: PLC0415 - as above

    choice = Choice(account=account, bot=bot, symbol=symbol, first_day=first_day, last_day=last_day)
    return run_executions(settings_of(config), choice, form, out)
