"""A private PostgreSQL with the extension TimescaleDB: of the programs in the folder that TIMESCALE_BIN names."""

import os
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from tests.servers.postgres import PostgresServer


class TimescaleServer(PostgresServer):
    """Its databases have the extension."""

    def __init__(self) -> None:
        super().__init__(Path(os.environ["TIMESCALE_BIN"]), options=("-c", "shared_preload_libraries=timescaledb"))

    async def create_database(self) -> str:
        url = await super().create_database()
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        await connection.execute("CREATE EXTENSION timescaledb")
        await connection.close()
        return url


@pytest.fixture(scope="session")
def timescale_server() -> Iterator[TimescaleServer]:
    """Shared; each case uses a database of its own."""
    with TimescaleServer() as server:
        yield server
