"""What the Redis cache promises while its server dies, freezes or refuses: it serves again by itself and tells nobody's secrets."""

import asyncio

import pytest
from redis.asyncio import Redis
from tests.patience import PATIENCE_S, at_last
from tests.servers.ports import free_port
from tests.servers.valkey import ValkeyServer

from tradepit.backends.cache.redis import RedisCache
from tradepit.trading.model.errors import ConfigError, TimedOut, TradepitError, Unavailable


async def test_another_program_sees_plain_keys_with_their_time(own_valkey_server: ValkeyServer) -> None:
    cache = RedisCache(own_valkey_server.url)
    await cache.connect()
    await cache.put_newer("TQ_Position_PortfolioId_1234567890_Symbol_SHFE.rb2505", b"-3", version=1, ttl_s=3600)
    await cache.put("TQ_Account_PortfolioId_1234567890", b'{"balance": 1000000.0}', ttl_s=3600)
    async with Redis.from_url(own_valkey_server.url, decode_responses=True) as other:
        assert await other.get("TQ_Position_PortfolioId_1234567890_Symbol_SHFE.rb2505") == "-3"
        assert await other.get("TQ_Account_PortfolioId_1234567890") == '{"balance": 1000000.0}'
        for key in await other.keys("TQ_*"):
            assert 3590 <= await other.ttl(key) <= 3600
            assert await other.type(key) == "string"
        # And what another program wrote, or removed, is what is there.
        await other.set("TQ_Position_PortfolioId_1_Symbol_DCE.m2505", "7")
        await other.lpush("TQ_Position_PortfolioId_1_Symbol_queue", "x")
        await other.delete("TQ_Position_PortfolioId_1234567890_Symbol_SHFE.rb2505")
    assert await cache.items("TQ_Position_") == {"TQ_Position_PortfolioId_1_Symbol_DCE.m2505": b"7"}
    assert await cache.put_newer("TQ_Position_PortfolioId_1234567890_Symbol_SHFE.rb2505", b"2", version=0, ttl_s=3600)
    await cache.close()


async def test_a_killed_server_is_used_again_and_what_was_put_meanwhile_is_put(own_valkey_server: ValkeyServer) -> None:
    cache = RedisCache(own_valkey_server.url, timeout_s=PATIENCE_S)
    await cache.connect()
    for number in range(3):
        await cache.put_newer("before", b"9", version=9, ttl_s=60)
        await asyncio.to_thread(own_valkey_server.kill)
        waiting = [asyncio.create_task(cache.put(f"k{each}", b"1", ttl_s=60)) for each in range(20)]
        await asyncio.sleep(0.1 * number)
        await asyncio.to_thread(own_valkey_server.start)
        await asyncio.gather(*waiting)
        assert len(await cache.items("k")) == 20
        assert not await cache.put_newer("before", b"1", version=1, ttl_s=60)
    await cache.close()


async def test_a_dead_server_is_unavailable_and_no_outage_is_too_long(own_valkey_server: ValkeyServer) -> None:
    cache = RedisCache(own_valkey_server.url, timeout_s=0.2)
    await at_last(cache.connect)
    await asyncio.to_thread(own_valkey_server.kill)
    for _ in range(10):
        with pytest.raises(Unavailable):
            await cache.get("k")
    await asyncio.to_thread(own_valkey_server.start)
    assert await at_last(lambda: cache.get("k")) is None
    await cache.close()


async def test_a_frozen_server_times_out_and_no_answer_reaches_the_wrong_question(own_valkey_server: ValkeyServer) -> None:
    cache = RedisCache(own_valkey_server.url, timeout_s=0.5)
    await at_last(cache.connect)
    keys = [f"k{number}" for number in range(10)]
    for key in keys:
        await at_last(lambda key=key: cache.put(key, key.encode(), ttl_s=600))  # type: ignore[misc]  # bound where it is made
    own_valkey_server.pause()
    answers = await asyncio.gather(*(cache.get(key) for key in keys), return_exceptions=True)
    assert {type(answer) for answer in answers} == {TimedOut}
    own_valkey_server.resume()
    for key in reversed(keys):
        assert await at_last(lambda key=key: cache.get(key)) == key.encode()  # type: ignore[misc]  # bound where it is made
    await cache.close()


async def test_a_full_server_takes_writes_again_when_there_is_room(own_valkey_server: ValkeyServer) -> None:
    cache = RedisCache(own_valkey_server.url, timeout_s=0.3)
    await at_last(cache.connect)
    async with Redis.from_url(own_valkey_server.url) as other:
        await other.config_set("maxmemory", "1")
        with pytest.raises(Unavailable):
            await cache.put("k", b"1", ttl_s=60)
        with pytest.raises(Unavailable):
            await cache.put_newer("k", b"1", version=1, ttl_s=60)
        await other.config_set("maxmemory", "0")
    await at_last(lambda: cache.put("k", b"1", ttl_s=60))
    await cache.close()


async def test_a_wrong_password_is_told_without_it(own_valkey_server: ValkeyServer) -> None:
    wrong = RedisCache(own_valkey_server.url.replace(own_valkey_server.password, "not-the-secret"))
    with pytest.raises(ConfigError) as told:
        await wrong.connect()
    assert "not-the-secret" not in str(told.value) + repr(told.value.details)
    nobody = RedisCache(f"redis://:my-secret@127.0.0.1:{free_port()}/0", timeout_s=0.2)
    with pytest.raises(TradepitError) as absent:
        await nobody.connect()
    assert isinstance(absent.value, Unavailable)
    assert "my-secret" not in str(absent.value) + str(absent.value.__cause__)


@pytest.mark.parametrize("url", ["redis://host:port/0", "http://host", "redis://host/x?socket_timeout=never"])
async def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        await RedisCache(url).connect()
