"""The doctor's checks of the store and the cache, where they are servers of their own: who answers there, and what it needs."""

from tradepit.cli.finding import Finding, fail, ok, warn
from tradepit.cli.loop import run
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.ports.cache import Cache
from tradepit.ports.store import SchemaStatus, Tables
from tradepit.runtime.urls import without_secret
from tradepit.trading.model.errors import ConfigError, TradepitError


def check_store(settings: Settings) -> Finding:
    """Whether the store answers and its tables are up to date."""
    if not settings.store:
        return ok("none is set")
    try:
        status = run(_schema(Wiring(settings, process="doctor").tables()))
    except TradepitError as error:
        return fail(_told(error), _mend(error, "store"))
    address = without_secret(settings.store)
    if status.up_to_date:
        return ok(f"revision {status.current} at {address}")
    seen = f"{len(status.missing)} {'step is' if len(status.missing) == 1 else 'steps are'} missing at {address}"
    mend = "run `tradepit store migrate`"
    return warn(seen, f"{mend}, or let the first that connects do it") if settings.migrate_store else fail(seen, mend)


def check_cache(settings: Settings) -> Finding:
    """Whether a cache that is a server of its own answers."""
    if "://" not in settings.cache:
        return ok(settings.cache)
    try:
        run(_ask(Wiring(settings, process="doctor").cache()))
    except TradepitError as error:
        return fail(_told(error), _mend(error, "cache"))
    return ok(f"answers at {without_secret(settings.cache)}")


async def _schema(store: Tables) -> SchemaStatus:
    try:
        return await store.schema()
    finally:
        await store.close()


async def _ask(cache: Cache) -> None:
    try:
        await cache.connect()
    finally:
        await cache.close()


def _told(error: TradepitError) -> str:
    cause = error.details.get("cause", "")
    return f"{error.message}: {cause}" if cause else error.message


def _mend(error: TradepitError, setting: str) -> str:
    return (
        f"correct the setting {setting}"
        if isinstance(error, ConfigError)
        else f"start its server, or correct the setting {setting}"
    )
