"""The store's migrations: which revision a database is of, and how it is brought to the newest."""

from collections.abc import Iterable
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util.exc import CommandError

from tradepit.ports.store import SchemaStatus
from tradepit.trading.model.errors import ConfigError

# A name of its own: the database may be another program's, with migrations of its own.
_VERSION_TABLE = "tradepit_revision"
_LOCK = 0x7472_6164_6570_6974  # "tradepit" in ASCII


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = _VERSION_TABLE
    return config


class Steps:
    """The steps that lead to some of the tables: those of an order table's reader end where they are, whatever comes after them.

    A database that has gone further is up to date too: later steps only add.
    """

    def __init__(self, newest: str, tables: Iterable[sa.Table]) -> None:
        self._newest, self._tables = newest, tuple(tables)

    def status(self, connection: sa.Connection) -> SchemaStatus:
        """The revision of the database behind ``connection``. Raises ConfigError when a newer program has migrated it."""
        heads = MigrationContext.configure(connection, opts={"version_table": _VERSION_TABLE}).get_current_heads()
        return self.status_at(heads[0] if heads else "")

    def status_at(self, current: str) -> SchemaStatus:
        """What a database of that revision lacks; empty for a database that has no tables yet. Raises ConfigError as above."""
        script = ScriptDirectory.from_config(_config())
        try:
            lacking = [step.revision for step in script.iterate_revisions(script.get_current_head() or "", current or "base")]
        except (CommandError, RevisionError) as error:
            raise ConfigError("a newer tradepit has migrated this store", revision=current, newest=self._newest) from error
        wanted = [step.revision for step in script.iterate_revisions(self._newest, "base")]
        missing = tuple(step for step in reversed(wanted) if step in lacking)
        return SchemaStatus(current=current, newest=self._newest if missing else current, missing=missing)

    def upgrade(self, connection: sa.Connection) -> SchemaStatus:
        """Take the missing steps within the connection's transaction, one migrating process at a time. Raises ConfigError."""
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        if not self.status(connection).up_to_date:
            command.upgrade(_config(connection), self._newest)
        self.check(connection)
        return self.status(connection)

    def check(self, connection: sa.Connection) -> None:
        """Raises ConfigError when a table, perhaps made by another program, lacks a column."""
        _check_columns(connection, self._tables)


def _check_columns(connection: sa.Connection, tables: Iterable[sa.Table]) -> None:
    inspector = sa.inspect(connection)
    for table in tables:
        found = {column["name"] for column in inspector.get_columns(table.name)} if inspector.has_table(table.name) else set()
        lacking = [str(column.name) for column in table.columns if column.name not in found]
        if lacking:
            raise ConfigError(f"the table {table.name} lacks columns", lacking=", ".join(lacking))
