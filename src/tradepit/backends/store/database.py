"""Connections to a SQL database that mend themselves: transactions with a deadline, tried again after an outage, errors of ours."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from tradepit.runtime.urls import without_secret
from tradepit.trading.model.errors import BadRequest, ConfigError, InternalError, TimedOut, TradepitError, Unavailable

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.5
# How long SQLite itself waits for another writer, on a thread that nobody can call back; then it is tried again.
_SQLITE_BUSY_S = 0.25
_WRITES = "tradepit_writes"
# SQLSTATE classes and codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
_CONFIG_STATES = ("28", "3D", "3F", "42")
_PASSING_STATES = ("08", "40", "53", "55", "57", "58", "XX")


class Raced(Exception):
    """Another program wrote the same rows meanwhile: the transaction is begun again."""


class Database:
    """One database by its URL, ``sqlite+aiosqlite:///file`` or ``postgresql+asyncpg://user:password@host:port/name``.

    Work given to ``read`` and ``write`` runs in a transaction of its own. It is begun again, within ``timeout_s`` seconds, when
    the connection breaks or another transaction is in the way: it must be idempotent, for the lost one may have been committed.
    """

    def __init__(self, url: str, *, timeout_s: float = 5.0) -> None:
        try:
            parsed = sa.make_url(url)
        except (ArgumentError, ValueError) as error:
            raise ConfigError("the store's URL cannot be read", store=without_secret(url)) from error
        driver = _DRIVERS.get(parsed.drivername)
        if driver is None:
            raise ConfigError("store must be sqlite+aiosqlite:///file or postgresql+asyncpg://…", store=without_secret(url))
        self._url, self._timeout_s = parsed.set(drivername=driver), timeout_s
        named = driver.startswith("sqlite") and parsed.database not in (None, "", ":memory:")
        self._file = Path(str(parsed.database)) if named else None
        self._engine: AsyncEngine | None = None

    @property
    def name(self) -> str:
        """The address without its secrets."""
        return without_secret(self._url.render_as_string())

    @property
    def exists(self) -> bool:
        """False where the database is a file that nobody has made yet."""
        return self._file is None or self._file.exists()

    def open(self) -> None:
        """Make ready to connect; the first work does. Idempotent. Raises ConfigError."""
        if self._engine is None:
            self._engine = self._make_engine()

    async def read(self, work: Work[T]) -> T:
        """What ``work`` finds. Raises Unavailable, TimedOut, ConfigError, BadRequest, InternalError."""
        return await self._run(work, writes=False, timeout_s=self._timeout_s)

    async def write(self, work: Work[T], *, timeout_s: float | None = None) -> T:
        """What ``work`` answers, once it is committed. Raises as ``read`` does; then it may be committed or not."""
        return await self._run(work, writes=True, timeout_s=timeout_s or self._timeout_s)

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        engine, self._engine = self._engine, None
        if engine is not None:
            with contextlib.suppress(SQLAlchemyError, OSError, TimeoutError):
                await engine.dispose()

    async def _run(self, work: Work[T], *, writes: bool, timeout_s: float) -> T:
        loop = asyncio.get_running_loop()
        deadline, pause_s = loop.time() + timeout_s, _FIRST_PAUSE_S
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    return await self._attempt(work, writes=writes)
            except TimeoutError as error:
                raise TimedOut("the store does not answer", store=self.name) from error
            except (DBAPIError, OSError, Raced) as error:
                told = self._as_ours(error)
                if type(told) is not Unavailable or loop.time() + pause_s > deadline:
                    raise told from error
            except SQLAlchemyError as error:
                raise InternalError(str(error)[:200], store=self.name) from error
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _attempt(self, work: Work[T], *, writes: bool) -> T:
        if self._engine is None:
            raise Unavailable("the store is not connected", store=self.name)
        async with self._engine.connect() as connection:
            await connection.execution_options(**{_WRITES: writes})
            async with connection.begin():
                return await work(connection)

    def _as_ours(self, error: Exception) -> TradepitError:
        if isinstance(error, OSError | Raced):
            return Unavailable("the store cannot be reached", store=self.name, cause=str(error)[:200])
        said = getattr(error, "orig", None) or error
        cause, state = str(said)[:200], str(getattr(said, "sqlstate", None) or "")
        if getattr(error, "connection_invalidated", False) or state.startswith(_PASSING_STATES):
            return Unavailable("the store cannot do it now", store=self.name, cause=cause)
        if state.startswith(_CONFIG_STATES) or getattr(said, "sqlite_errorname", "") == "SQLITE_NOTADB":
            return ConfigError("the store refuses", store=self.name, cause=cause)
        if isinstance(error, sa.exc.DataError) or state.startswith("22"):
            return BadRequest("the store cannot keep such a value", cause=cause)
        if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
            return Unavailable("the store cannot do it now", store=self.name, cause=cause)
        return InternalError("the store failed", store=self.name, cause=cause)

    def _make_engine(self) -> AsyncEngine:
        options: dict[str, Any] = {
            # JSON goes in and comes out as text: what was told is what is kept.
            "json_serializer": _text,
            "json_deserializer": _text,
            "hide_parameters": True,
        }
        if self._url.get_backend_name() == "sqlite":
            options["connect_args"] = {"timeout": _SQLITE_BUSY_S}
            if self._file is not None:
                _make_folder(self._file.parent)
        else:
            options |= {"pool_size": 2, "max_overflow": 4, "connect_args": {"timeout": self._timeout_s}}
        try:
            engine = create_async_engine(self._url, **options)
        except (SQLAlchemyError, ModuleNotFoundError) as error:
            raise ConfigError("the store's driver is missing: pip install 'tradepit[sql]'", store=self.name) from error
        if self._url.get_backend_name() == "sqlite":
            sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
            sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable("the store's folder cannot be made", folder=str(folder)) from error


def _text(value: Any) -> Any:  # noqa: ANN401 - whatever the driver speaks
    return value


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:  # noqa: ANN401 - a driver's connection
    # Python's driver begins transactions late and not before reading; here each begins when it is said to.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer that begins as a reader could be refused its first write when another was quicker.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
