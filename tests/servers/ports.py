"""Loopback ports for private servers."""

from tradepit.cli.servers.ports import answers
from tradepit.runtime.free_ports import free_port

__all__ = ["answers", "free_port"]
