"""Loopback ports for private servers."""

from tradepit.cli.servers.ports import answers, free_port

__all__ = ["answers", "free_port"]
