"""The way to a Redis or Valkey server: commands that are tried again for a while, errors that are ours."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tradepit.runtime.urls import without_secret
from tradepit.trading.model.errors import BadRequest, ConfigError, InternalError, TimedOut, TradepitError, Unavailable

T = TypeVar("T")

_CONNECTIONS = 4
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.5
# What a full, failing, electing or loading server says: it takes writes again later.
_PASSING = ("OOM", "MISCONF", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "LOADING")


class RedisLink:
    """Connections to a numbered database, ``redis://user:password@host:port/1`` (``rediss://`` with TLS).

    A command is tried again on a new connection until ``timeout_s`` seconds are over, then Unavailable is raised: no outage is
    too long.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        if not url.startswith(("redis://", "rediss://")):
            raise ConfigError("cache must be redis://host:port/database", cache=without_secret(url))
        self._url, self._timeout_s = url, timeout_s
        self._client: Redis | None = None

    async def connect(self) -> None:
        """Connect. Idempotent. Raises Unavailable, ConfigError."""
        if self._client is not None:
            return
        try:
            pool = BlockingConnectionPool.from_url(
                self._url,
                max_connections=_CONNECTIONS,
                timeout=None,
                socket_timeout=None,
                protocol=2,
                retry=Retry(NoBackoff(), 0),
            )
        except (ValueError, TypeError) as error:
            raise ConfigError("the cache's URL cannot be read", cache=without_secret(self._url)) from error
        self._client = Redis.from_pool(pool)
        try:
            await self.run(lambda client: client.ping())
        except TradepitError:
            await self.close()
            raise

    @property
    def database(self) -> int:
        """The number of the database; after ``connect``."""
        return int(self._client.connection_pool.connection_kwargs.get("db") or 0) if self._client is not None else 0

    async def close(self) -> None:
        """Disconnect. Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose(close_connection_pool=True)

    async def run(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Do some work with the client, again after a loss: it must be idempotent. Raises what the ports say."""
        loop = asyncio.get_running_loop()
        deadline, pause_s = loop.time() + self._timeout_s, _FIRST_PAUSE_S
        while True:
            if self._client is None:
                raise Unavailable("the cache is not connected")
            try:
                async with asyncio.timeout_at(deadline):
                    return await work(self._client)
            except (TimeoutError, exceptions.TimeoutError) as error:
                raise TimedOut("the cache does not answer", cache=without_secret(self._url)) from error
            except (exceptions.RedisError, OSError) as error:
                told = self._as_ours(error)
                if type(told) is not Unavailable or loop.time() + pause_s > deadline:
                    raise told from error
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _as_ours(self, error: Exception) -> TradepitError:
        cache, cause = without_secret(self._url), str(error)[:200]
        if isinstance(error, exceptions.AuthenticationError | exceptions.AuthorizationError | exceptions.NoPermissionError):
            return ConfigError("the cache refuses the password or the user", cache=cache)
        if isinstance(error, exceptions.ConnectionError | OSError):
            return Unavailable("the cache cannot be reached", cache=cache, cause=cause)
        if isinstance(error, exceptions.OutOfMemoryError | exceptions.ReadOnlyError) or cause.startswith(_PASSING):
            return Unavailable("the cache cannot do it now", cache=cache, cause=cause)
        if isinstance(error, exceptions.DataError):
            return BadRequest("the cache cannot keep such a value", cause=cause)
        return InternalError("the cache failed", cache=cache, cause=cause)
