"""The cache on a Redis or Valkey server: plain string keys with a time to live, as any other program sees them."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tradepit.runtime.urls import without_secret
from tradepit.trading.model.errors import (
    BadRequest,
    ConfigError,
    IdNotValid,
    InternalError,
    TimedOut,
    TradepitError,
    Unavailable,
)

T = TypeVar("T")

_KEY = re.compile(rb"[A-Za-z0-9_.=-]+")
_PREFIX = re.compile(rb"[A-Za-z0-9_.=-]*")
_CONNECTIONS = 4
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.5
_PAGE = 500
# What a full, failing, electing or loading server says: it takes writes again later.
_PASSING = ("OOM", "MISCONF", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "LOADING")
_MOST_VERSION = 2**63 - 1
_VERSION_DIGITS = 19
# The version is a text of fixed length: Lua's numbers are exact to 2^53 only.
_PUT_NEWER = """
local held = redis.call('GET', KEYS[2])
if held and held > ARGV[2] and redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
"""


class RedisCache:
    """One member's view of a numbered database, ``redis://user:password@host:port/1`` (``rediss://`` with TLS).

    Keys get no prefix. What ``put_newer`` needs to know is kept beside them, under ``tradepit:version:{key}``. A command is
    tried again on a new connection until ``timeout_s`` seconds are over, then Unavailable is raised: no outage is too long.
    """

    def __init__(self, url: str, *, timeout_s: float = 2.0) -> None:
        if not url.startswith(("redis://", "rediss://")):
            raise ConfigError("cache must be redis://host:port/database", cache=without_secret(url))
        self._url, self._timeout_s = url, timeout_s
        self._client: Redis | None = None

    async def connect(self) -> None:
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
            await self._run(lambda client: client.ping())
        except TradepitError:
            await self.close()
            raise

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        name = _checked(key)
        await self._run(lambda client: client.set(name, value, px=_milliseconds(ttl_s)))

    async def put_newer(self, key: str, value: bytes, *, version: int, ttl_s: float) -> bool:
        if not 0 <= version <= _MOST_VERSION:
            raise BadRequest("a version must be from 0 to 2^63 - 1", key=key)
        name = _checked(key)
        words = (name, _version_of(name), value, str(version).zfill(_VERSION_DIGITS), _milliseconds(ttl_s))
        return bool(await self._run(lambda client: client.eval(_PUT_NEWER, 2, *words)))

    async def get(self, key: str) -> bytes | None:
        name = _checked(key)
        found: bytes | None = await self._run(lambda client: client.get(name))
        return found

    async def delete(self, key: str) -> None:
        name = _checked(key)
        await self._run(lambda client: client.delete(name, _version_of(name)))

    async def items(self, prefix: str) -> dict[str, bytes]:
        start = prefix.encode("utf-8", "replace")
        if not _PREFIX.fullmatch(start):
            raise IdNotValid(key=prefix)

        async def search(client: Any) -> dict[str, bytes]:  # noqa: ANN401 - the vendor's client is not typed to its answers
            found: dict[str, bytes] = {}
            cursor = 0
            while True:
                cursor, page = await client.scan(cursor, match=start + b"*", count=_PAGE, _type="STRING")
                names = [name for name in page if _KEY.fullmatch(name)]
                values = await client.mget(names) if names else []
                found |= {name.decode(): value for name, value in zip(names, values, strict=True) if value is not None}
                if cursor == 0:
                    return found

        return await self._run(search)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose(close_connection_pool=True)

    async def _run(self, work: Callable[[Any], Awaitable[T]]) -> T:
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


def _checked(key: str) -> bytes:
    name = key.encode("utf-8", "replace")
    if not _KEY.fullmatch(name):
        raise IdNotValid(key=key)
    return name


def _version_of(name: bytes) -> bytes:
    # In braces, so that a cluster keeps both keys in one place.
    return b"tradepit:version:{" + name + b"}"


def _milliseconds(ttl_s: float) -> int:
    return max(1, round(ttl_s * 1000))
