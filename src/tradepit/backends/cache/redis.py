"""The cache on a Redis or Valkey server: plain string keys with a time to live, as any other program sees them."""

import re
from typing import Any

from tradepit.backends.cache.redis_link import RedisLink
from tradepit.trading.model.errors import BadRequest, IdNotValid

_KEY = re.compile(rb"[A-Za-z0-9_.=-]+")
_PREFIX = re.compile(rb"[A-Za-z0-9_.=-]*")
_PAGE = 500
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

    Keys get no prefix. What ``put_newer`` needs to know is kept beside them, under ``tradepit:version:{key}``. For
    ``timeout_s`` seconds a command is tried again.
    """

    def __init__(self, url: str, *, timeout_s: float = 2.0) -> None:
        self._link = RedisLink(url, timeout_s=timeout_s)

    async def connect(self) -> None:
        await self._link.connect()

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        name = _checked(key)
        await self._link.run(lambda client: client.set(name, value, px=_milliseconds(ttl_s)))

    async def put_newer(self, key: str, value: bytes, *, version: int, ttl_s: float) -> bool:
        if not 0 <= version <= _MOST_VERSION:
            raise BadRequest("a version must be from 0 to 2^63 - 1", key=key)
        name = _checked(key)
        words = (name, _version_of(name), value, str(version).zfill(_VERSION_DIGITS), _milliseconds(ttl_s))
        return bool(await self._link.run(lambda client: client.eval(_PUT_NEWER, 2, *words)))

    async def get(self, key: str) -> bytes | None:
        name = _checked(key)
        found: bytes | None = await self._link.run(lambda client: client.get(name))
        return found

    async def delete(self, key: str) -> None:
        name = _checked(key)
        await self._link.run(lambda client: client.delete(name, _version_of(name)))

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

        return await self._link.run(search)

    async def close(self) -> None:
        await self._link.close()


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
