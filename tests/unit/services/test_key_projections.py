"""Positions and money as keys: the newest update counts, whatever order the queue delivers them in."""

import json
from pathlib import Path
from typing import Any

import pytest

from tradepit.backends.cache.memory import MemoryCache, MemoryCacheStore
from tradepit.ports.bus import Message
from tradepit.runtime.clock import ManualClock
from tradepit.services.key_projections import AccountProjection, PositionProjection

GOLDEN = Path(__file__).parents[2] / "wire" / "golden"
POSITION = "TQ_Position_PortfolioId_1234567890_Symbol_SHFE.rb2505"
ACCOUNT = "TQ_Account_PortfolioId_1234567890"


def told(name: str, second: int, **changes: Any) -> Message:
    body = json.loads((GOLDEN / f"{name}.json").read_text()) | {"timestamp": f"2025-12-18T10:30:{second:02}Z"} | changes
    return Message(subject=name, payload=json.dumps(body).encode())


@pytest.fixture
async def cache() -> MemoryCache:
    made = MemoryCache(MemoryCacheStore(), ManualClock())
    await made.connect()
    return made


async def test_an_older_position_does_not_replace_a_newer_one(cache: MemoryCache) -> None:
    work = PositionProjection(cache, ttl_s=3600)
    await work.open()
    for second, net in ((5, 10), (7, -3), (6, 8)):
        await work.do(told("tq_position_update", second, net_position=net))
    assert await cache.get(POSITION) == b"-3"
    assert work.figures() == {"kept": 2, "late": 1}


async def test_what_changed_twice_within_a_second_is_kept_twice(cache: MemoryCache) -> None:
    work = PositionProjection(cache, ttl_s=3600)
    for net in (10, 0):
        await work.do(told("tq_position_update", 5, net_position=net))
    assert await cache.get(POSITION) == b"0"


async def test_an_older_account_does_not_replace_a_newer_one(cache: MemoryCache) -> None:
    work = AccountProjection(cache, ttl_s=3600)
    await work.open()
    for second, balance in ((5, 1.0), (9, 2.0), (8, 3.0)):
        await work.do(told("tq_account_update", second, balance=balance))
    assert json.loads(await cache.get(ACCOUNT) or b"{}")["balance"] == 2.0
    assert work.figures() == {"kept": 2, "late": 1}


@pytest.mark.parametrize("timestamp", ["", "yesterday", "2025-12-18T10:30:05"])
async def test_an_update_without_an_instant_replaces_nothing_that_has_one(cache: MemoryCache, timestamp: str) -> None:
    work = PositionProjection(cache, ttl_s=3600)
    await work.do(told("tq_position_update", 0, timestamp=timestamp, net_position=1))
    assert await cache.get(POSITION) == b"1"
    await work.do(told("tq_position_update", 5, net_position=2))
    await work.do(told("tq_position_update", 0, timestamp=timestamp, net_position=3))
    assert await cache.get(POSITION) == b"2"
