"""The ``tradepit`` command."""

import os
import signal
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from tradepit import __version__
from tradepit.cli import roles as roles_command
from tradepit.cli.bot_commands import bot
from tradepit.cli.exits import Exit
from tradepit.cli.house_settings import settings_and_secrets, settings_of
from tradepit.cli.output import fail
from tradepit.cli.report import report
from tradepit.cli.risk_commands import risk
from tradepit.config import load
from tradepit.trading.model.errors import TradepitError

app = App(name="tradepit", help="A futures trading house in one package.", version=__version__)
app.command(roles_command.roles)
app.command(roles_command.contracts)
app.command(bot)
app.command(report)
app.command(risk)

Config = Annotated[Path | None, Parameter(name=["--config", "-c"], help="Settings file (YAML).")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="One JSON document instead of tables.")]


@app.command
def run(*roles: str, profile: str = "", config: Config = None) -> int:
    """Run role instances in this process until SIGTERM, for example ``trading-gateway-1 market-data-1``.

    Without ROLE, ``--profile platform`` (or ``pit``, ``simulator``, or a ``--config`` that names one) runs the whole house: the
    processes that ``tradepit roles`` lists, and a NATS server of their own. What dies is started again. With ``bus: memory://`` it is
    this process alone.

    ``--config`` may be a broker connect's ``config.yaml``; its flat shape names a profile of one process and needs no ROLE.
    ``--profile tq_flat`` (or ``tq``) without ``--config`` takes the ``config.yaml`` of this folder. Roles of the profile
    ``powerscreen`` choose it, and also listen to the bot platform's own environment (``PRODUCER_*``, ``CONSUMER_*``).
    """
    from tradepit.cli.run import in_profile, run_roles  # noqa: PLC0415 - each command loads only what it needs
    from tradepit.config_powerscreen import is_powerscreen, with_environment  # noqa: PLC0415 - each command loads only what it needs

    if config is None and profile in ("tq", "tq_flat"):
        config = Path("config.yaml")
    settings, secrets = settings_and_secrets(config)
    if is_powerscreen(roles):
        settings = with_environment(settings, roles, os.environ)
    return run_roles(in_profile(settings, profile), roles, secrets, whole=bool(profile or config))


@app.command
def order(
    side: Literal["buy", "sell"],
    symbol: str,
    price: str,
    volume: int,
    *,
    account: str = "",
    offset: Literal["OPEN", "CLOSE", "CLOSETODAY", "CLOSEYESTERDAY"] = "OPEN",
    order_type: Annotated[Literal["LIMIT", "MARKET", "FAK", "FOK"], Parameter(name="--type")] = "LIMIT",
    client_order_id: Annotated[str, Parameter(name="--id")] = "",
    config: Config = None,
    json: Json = False,
) -> int:
    """Send an order to the running house. PRICE is a number, or ``market`` with ``--type MARKET``. Repeating ``--id`` is harmless."""
    from tradepit.cli import trade  # noqa: PLC0415 - each command loads only what it needs

    return trade.order(
        settings_of(config),
        side,
        symbol,
        price,
        volume,
        account=account,
        offset=offset,
        order_type=order_type,
        client_order_id=client_order_id,
        json=json,
    )


@app.command
def cancel(order_id: str, *, account: str = "", config: Config = None, json: Json = False) -> int:
    """Cancel an order by the exchange's id or the client order id. Cancelling twice is harmless."""
    from tradepit.cli import trade  # noqa: PLC0415 - each command loads only what it needs

    return trade.cancel(settings_of(config), order_id, account=account, json=json)


@app.command
def algo(
    action: Literal["start", "pause", "resume", "amend", "cancel", "status"],
    *,
    kind: Literal["TWAP", "VWAP"] = "TWAP",
    symbol: str = "",
    side: Literal["buy", "sell"] = "buy",
    volume: int = 0,
    price: str | None = None,
    duration: float | None = None,
    interval: float | None = None,
    account: str = "",
    algo_id: Annotated[str, Parameter(name="--id")] = "",
    config: Config = None,
    json: Json = False,
) -> int:
    """Start or control a TWAP or VWAP. DURATION (60) and INTERVAL (3) are trading seconds; PRICE is the hard limit."""
    from tradepit.cli import trade  # noqa: PLC0415 - each command loads only what it needs

    body = trade.algo_request(
        action,
        kind=kind,
        symbol=symbol,
        side=side,
        volume=volume,
        price=price,
        duration=duration,
        interval=interval,
        account=account,
        algo_id=algo_id,
    )
    return trade.algo(settings_of(config), body, json=json)


@app.command
def demo(
    *,
    seconds: float = 0.0,
    headless: Annotated[bool, Parameter(negative="")] = False,
    ticks: Path | None = None,
    speed: str = "max",
    data_dir: Path = Path(".tradepit/demo"),
    seed: int = 1,
    profile: Literal["pit", "simulator"] = "pit",
    journal: Literal["file", "file?sync=os", "jetstream"] = "file",
    json: Json = False,
) -> int:
    """Start a whole house on this machine, watch it trade, break it, and see that nothing is lost. 0 SECONDS: until you quit."""
    from tradepit.cli.demo import run_demo  # noqa: PLC0415 - each command loads only what it needs

    return run_demo(
        seconds=seconds,
        headless=headless,
        ticks=ticks,
        speed=speed,
        data_dir=data_dir,
        seed=seed,
        profile=profile,
        journal=journal,
        json=json,
    )


@app.command
def watch(*, config: Config = None) -> int:
    """Watch the running house live in the terminal."""
    from tradepit.cli.watch import run_watch  # noqa: PLC0415 - each command loads only what it needs

    return run_watch(settings_of(config))


@app.command
def doctor(*, config: Config = None, json: Json = False) -> int:
    """Check ports, clock, disk and versions, and say how to mend what is wrong."""
    from tradepit.cli.doctor import run_doctor  # noqa: PLC0415 - each command loads only what it needs

    settings, secrets = settings_and_secrets(config)
    return run_doctor(settings, secrets, json=json)


@app.command
def diff_env(*, config: Config = None, json: Json = False) -> int:
    """Print the environment that sends an unmodified TqSDK to the running house: ``eval "$(tradepit diff-env)"``."""
    from tradepit.cli.diff_env import show_diff_env  # noqa: PLC0415 - each command loads only what it needs

    return show_diff_env(settings_of(config), json=json)


@app.command
def bench(
    what: Literal["match", "backtest", "risk", "order", "events", "failover", "bots", "scale", "data", "tq", "all"] = "all",
    *,
    kills: int = 50,
    load: float | None = None,
    seconds: float = 10.0,
    journal: str = "file",
    logins: Literal["shared", "separate"] = "shared",
    bots: int = 50,
    accounts: int = 20,
    profile: Literal["pit", "platform"] = "pit",
    json: Json = False,
) -> int:
    """Measure matching, backtests, the risk review, the order path, events, failover, bots, Data API or broker connect, most beside a peer.

    ``all`` leaves out ``tq``, which needs RabbitMQ, Valkey or Redis, and PostgreSQL installed. LOAD is orders a second: 100 for
    ``failover``, 50 for ``tq``, one for each of the BOTS on ACCOUNTS of ``bots`` unless told; ``scale`` goes from 1 to 1,000 bots.
    PROFILE of ``bots``: the embedded server alone, or a private Kafka, Valkey and PostgreSQL. LOGINS of ``tq``: the five services
    that log in share one process and login, or each of the eight services has a process of its own.
    """
    from tradepit.cli.bench.command import BotLoad, run_bench  # noqa: PLC0415 - each command loads only what it needs

    many = BotLoad(bots=bots, accounts=accounts, profile=profile)
    return run_bench(what, kills=kills, load=load, seconds=seconds, journal=journal, logins=logins, many=many, json=json)


@app.command
def verify(
    folder: Path = Path(".tradepit/demo"),
    *,
    strict: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
    progress: Annotated[bool, Parameter(negative="", help="Tell how far it is, even where no terminal shows it.")] = False,
) -> int:
    """Prove from the journals in FOLDER that no order was lost, doubled or left unexplained (exit 0), or show which was (exit 1)."""
    from tradepit.cli.verify import run_verify  # noqa: PLC0415 - each command loads only what it needs

    return run_verify(folder, strict=strict, json=json, progress=progress)


@app.command
def verify_connect(
    folder: Path = Path(".tradepit/demo"),
    *,
    config: Annotated[Path, Parameter(name=["--config", "-c"], help="The broker connect's config.yaml.")] = Path("config.yaml"),
    published: Annotated[tuple[Path, ...], Parameter(help="The engine's log of what it published.")] = (),
) -> int:
    """Prove that what an engine PUBLISHED to a broker connect is what the exchange in FOLDER did, and what the tables say."""
    from tradepit.cli.verify_connect import run_verify_connect  # noqa: PLC0415 - each command loads only what it needs

    return run_verify_connect(folder, config=config, published=published)


@app.command
def backtest(  # noqa: PLR0913 - each is an option of the command
    bot: str,
    *,
    ticks: Annotated[list[Path], Parameter(consume_multiple=True, negative="")],
    param: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    sweep: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    mount: Annotated[Path | None, Parameter(help="A folder with config.json, over which --param and --sweep go.")] = None,
    seed: int = 1,
    latency_ms: float = 0.0,
    deposit: str = "10000000",
    account: str = "A1",
    report: Path | None = None,
    workers: int = 0,
    config: Annotated[
        Path | None, Parameter(name=["--config", "-c"], help="A house's settings: its risk limits and venue.")
    ] = None,
    json: Json = False,
) -> int:
    """Run BOT (``file.py``, ``file.py:Class``, ``package.module:Class``) over recorded ticks, on the house's own venue and ledger.

    ``--param fast=20`` sets a parameter, ``--sweep fast=10,20,40 slow=100,200`` runs all combinations on all processors. ``--report``
    is a folder for an HTML page and Parquet files. Exit 1 when the bot raised, or a run of a sweep failed.
    """
    from tradepit.cli import backtest as command  # noqa: PLC0415 - each command loads only what it needs

    house = None if config is None else load(config)
    settings = command.settings_from(house, account=account, deposit=deposit, seed=seed, latency_ms=latency_ms)
    return command.run_backtest(
        bot,
        ticks=ticks,
        params=param or (),
        sweep=sweep or (),
        mount=mount,
        settings=settings,
        report=report,
        workers=workers,
        json=json,
    )


@app.command
def parity(folder: Path = Path(".tradepit/demo"), *, json: Json = False) -> int:
    """Play the recorded session in FOLDER through the backtester: exit 0 when it gives the same fills one by one, 1 with each that differs."""
    from tradepit.cli.parity import run_parity  # noqa: PLC0415 - each command loads only what it needs

    return run_parity(folder, json=json)


@app.command
def store(action: Literal["status", "migrate", "rebuild"], *, config: Config = None, json: Json = False) -> int:
    """Tell which revision the store's tables are of (exit 1 when they are not the newest), or bring them up to date.

    ``rebuild`` empties the rows of orders and all that follows from them: order-records tells them again, from the journal's beginning.
    """
    from tradepit.cli.store import run_store  # noqa: PLC0415 - each command loads only what it needs

    return run_store(settings_of(config), action, json=json)


@app.command
def fetch_bars(
    *symbols: str,
    first_day: Annotated[int, Parameter(name="--from", help="The first trading day, YYYYMMDD.")],
    last_day: Annotated[int, Parameter(name="--to", help="The last one; the first where none is named.")] = 0,
    config: Config = None,
    json: Json = False,
) -> int:
    """Ask the running house's broker for bars of a minute, and keep in the store those of minutes of which the house has no ticks.

    Of all contracts that the house trades where none is named. SSI has them of a year; other brokers are asked for no past.
    """
    from tradepit.cli.fetch_bars import run_fetch  # noqa: PLC0415 - each command loads only what it needs

    return run_fetch(settings_of(config), symbols, first_day, last_day, json=json)


@app.command
def seed_marketdata(*, ticker: str = "", retention: str = "", config: Config = None, json: Json = False) -> int:
    """Write an hour of made-up ticks (VN30F1M) to the time series in Redis. ``MARKETDATA_*`` say what the arguments do not."""
    from tradepit.cli.seed_marketdata import run_seed  # noqa: PLC0415 - each command loads only what it needs

    return run_seed(settings_of(config), os.environ, ticker=ticker, retention=retention, json=json)


def main() -> None:
    """Entry point: runs one command, ends with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Words of the command line are shown again, even those that are no text.
            stream.reconfigure(errors="backslashreplace")
    # Whoever is told to end does what Ctrl-C does: a demo stops the processes it started. Services have their own way (runtime/host).
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A script's shell starts what it puts into the background deaf to Ctrl-C, and so it would be deaf to SIGTERM too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(app(sys.argv[1:], exit_on_error=True, result_action="return_value"))
    except TradepitError as error:
        sys.exit(fail(error, json="--json" in sys.argv))
    except KeyboardInterrupt:
        sys.exit(int(Exit.OK))
