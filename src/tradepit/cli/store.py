"""``tradepit store status|migrate|rebuild``: which revision the store's tables are of, bringing them up to date, telling them again."""

from typing import Literal

from tradepit.cli.exits import Exit
from tradepit.cli.loop import run
from tradepit.cli.output import print_fields, print_json
from tradepit.compose.contracts import BROKER_CONNECT
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.ports.market_records import MarketRecords
from tradepit.ports.store import SchemaStatus, Tables
from tradepit.ports.trading_records import TradingRecords
from tradepit.runtime.urls import without_secret
from tradepit.trading.model.errors import ConfigError

Action = Literal["status", "migrate", "rebuild"]


def run_store(settings: Settings, action: Action, *, json: bool) -> int:
    """Exit code 0 when the tables are up to date, 1 when they are not. Raises ConfigError, Unavailable."""
    wiring = Wiring(settings, process="store")
    if action == "rebuild":
        if settings.profile in BROKER_CONNECT:
            raise ConfigError("a broker connect's tables are not told by a journal", profile=settings.profile)
        run(_forget(wiring.trading_records()))
    status = run(_act(wiring.tables(), action))
    told: dict[str, object] = {
        "store": without_secret(settings.store),
        "revision": status.current,
        "newest": status.newest,
        "missing": list(status.missing),
        "up_to_date": status.up_to_date,
    }
    if status.up_to_date and settings.profile not in BROKER_CONNECT:
        told["ticks"] = run(_describe(wiring.market_records(migrates=False)))
    if json:
        print_json(told)
    else:
        print_fields("Store", {**told, "missing": ", ".join(status.missing), "up_to_date": "yes" if status.up_to_date else "no"})
    return int(Exit.OK if status.up_to_date else Exit.FINDINGS)


async def _forget(records: TradingRecords) -> None:
    try:
        await records.connect()
        await records.forget()
    finally:
        await records.close()


async def _describe(records: MarketRecords) -> str:
    try:
        await records.connect()
        return await records.describe()
    finally:
        await records.close()


async def _act(tables: Tables, action: Action) -> SchemaStatus:
    try:
        return await (tables.migrate() if action == "migrate" else tables.schema())
    finally:
        await tables.close()
