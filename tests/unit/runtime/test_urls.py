"""Addresses are shown without what they must not tell."""

import pytest

from tradepit.runtime.urls import without_secret


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:p@ss@host:6379/1?password=p", "redis://host:6379/1"),
        ("postgresql+asyncpg://me:pw@[::1]:5432/db?password=pw", "postgresql+asyncpg://[::1]:5432/db"),
        ("postgresql+asyncpg://me:pw@/db?host=/tmp", "postgresql+asyncpg:///db"),
        ("sqlite+aiosqlite:////tmp/store.db", "sqlite+aiosqlite:////tmp/store.db"),
        ("redis://me:pw@host:port/1", "***"),
        ("redis://me:pw@[", "***"),
        ("kafka://me:p@ss@one:9092,two:9092?sasl.password=pw", "kafka://one:9092,two:9092"),
        ("me:pw@host", "***"),
        ("", "***"),
    ],
)
def test_nothing_secret_is_left(url: str, shown: str) -> None:
    assert without_secret(url) == shown
