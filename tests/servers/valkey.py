"""A private Valkey for tests."""

from tradepit.cli.servers.valkey import ValkeyServer

__all__ = ["ValkeyServer"]
