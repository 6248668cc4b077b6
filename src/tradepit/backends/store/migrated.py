"""A database whose tables are brought up to date, or refused, by whoever connects to it."""

from tradepit.backends.store.database import Database
from tradepit.backends.store.revisions import Steps
from tradepit.ports.store import SchemaStatus
from tradepit.trading.model.errors import ConfigError

_MIGRATION_S = 600.0


class MigratedDatabase(Database):
    """``steps`` lead to the tables that are needed; ``migrates``: ``connect`` may take them."""

    def __init__(self, url: str, steps: Steps, *, migrates: bool = True, timeout_s: float = 5.0) -> None:
        super().__init__(url, timeout_s=timeout_s)
        self._steps, self._migrates = steps, migrates
        self._connected = False

    async def connect(self) -> None:
        """Looks once. Raises Unavailable, and ConfigError when the tables are of another revision and may not be migrated."""
        if self._connected:
            return
        status = await self.schema()
        if not status.up_to_date:
            if not self._migrates:
                raise ConfigError(
                    "the store's tables are not up to date: run `tradepit store migrate`",
                    store=self.name,
                    revision=status.current,
                    newest=status.newest,
                )
            await self.migrate()
        await self.read(lambda connection: connection.run_sync(self._steps.check))
        self._connected = True

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        self._connected = False
        await super().close()

    async def schema(self) -> SchemaStatus:
        """Which revision the tables are of. Works before ``connect``; changes nothing."""
        if not self.exists:
            return self._steps.status_at("")
        self.open()
        return await self.read(lambda connection: connection.run_sync(self._steps.status))

    async def migrate(self) -> SchemaStatus:
        """Bring the tables up to date, whoever else tries the same; the status after it. Works before ``connect``."""
        self.open()
        return await self.write(lambda connection: connection.run_sync(self._steps.upgrade), timeout_s=_MIGRATION_S)
