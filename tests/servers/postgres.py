"""A private PostgreSQL for tests."""

from tradepit.cli.servers.postgres import PostgresServer

__all__ = ["PostgresServer"]
