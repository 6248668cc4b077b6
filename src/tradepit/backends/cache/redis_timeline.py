"""Timelines on a Redis or Valkey server: a sorted set by epoch milliseconds and a stream, as any other program reads them."""

import re

from tradepit.backends.cache.redis_link import RedisLink
from tradepit.ports.timeline import KEY_PATTERN, Entry
from tradepit.trading.model.errors import BadRequest, IdNotValid

# One script, so that a line is never kept without being told. Instants stay below 2^53, where Lua's numbers are exact.
_ADD = """
local function is(key, kind)
  local found = redis.call('TYPE', key)['ok']
  return found == 'none' or found == kind
end
if not is(KEYS[1], 'zset') or not is(KEYS[2], 'stream') then
  return -1
end
local at, retention = tonumber(ARGV[1]), tonumber(ARGV[3])
local oldest
if retention > 0 then
  local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
  oldest = math.max(at, tonumber(newest or ARGV[1])) - retention
  if at < oldest then
    return 0
  end
end
if redis.call('ZADD', KEYS[1], 'NX', ARGV[1], ARGV[2]) == 0 then
  return 0
end
if not oldest then
  redis.call('XADD', KEYS[2], '*', unpack(ARGV, 4))
  return 1
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%.0f', oldest))
local now = tonumber(redis.call('TIME')[1]) * 1000
redis.call('XADD', KEYS[2], 'MINID', '~', string.format('%.0f', now - retention), '*', unpack(ARGV, 4))
return 1
"""


class RedisTimeline:
    """One member's view of a numbered database, ``redis://user:password@host:port/1`` (``rediss://`` with TLS).

    Needs Redis 6.2, or any Valkey. In a cluster both keys would have to be in one place.
    """

    def __init__(self, url: str, *, timeout_s: float = 2.0) -> None:
        self._link = RedisLink(url, timeout_s=timeout_s)

    async def connect(self) -> None:
        await self._link.connect()

    async def add(self, key: str, stream: str, entry: Entry, *, retention_ms: int = 0) -> bool:
        for name in (key, stream):
            if not re.fullmatch(KEY_PATTERN, name):
                raise IdNotValid(key=name)
        words: list[str | bytes | int] = [key, stream, entry.at_ms, entry.line, retention_ms]
        for name, value in entry.told.items():
            words += [name, value]
        done = int(await self._link.run(lambda client: client.eval(_ADD, 2, *words)))
        if done < 0:
            raise BadRequest("the key holds something else", key=key, stream=stream)
        return done == 1

    async def close(self) -> None:
        await self._link.close()
