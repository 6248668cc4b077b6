"""``tradepit store status|migrate``: which revision the store's tables are of, and bringing them up to date."""

from typing import Literal

from tradepit.cli.exits import Exit
from tradepit.cli.loop import run
from tradepit.cli.output import print_fields, print_json
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.ports.store import SchemaStatus, Store
from tradepit.runtime.urls import without_secret


def run_store(settings: Settings, action: Literal["status", "migrate"], *, json: bool) -> int:
    """Exit code 0 when the tables are up to date, 1 when they are not. Raises ConfigError, Unavailable."""
    status = run(_act(Wiring(settings, process="store").store(), action))
    told = {
        "store": without_secret(settings.store),
        "revision": status.current,
        "newest": status.newest,
        "missing": list(status.missing),
        "up_to_date": status.up_to_date,
    }
    if json:
        print_json(told)
    else:
        print_fields("Store", {**told, "missing": ", ".join(status.missing), "up_to_date": "yes" if status.up_to_date else "no"})
    return int(Exit.OK if status.up_to_date else Exit.FINDINGS)


async def _act(store: Store, action: Literal["status", "migrate"]) -> SchemaStatus:
    try:
        return await (store.migrate() if action == "migrate" else store.schema())
    finally:
        await store.close()
