"""A service's door: what it shows of itself, and that it says when anybody at all may reach it."""

from collections.abc import Iterator

import pytest
from litestar.types import Receive, Scope, Send
from loguru import logger

from tradepit.web.http_door import HttpDoor


async def nobody(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that is never asked."""


@pytest.fixture
def said() -> Iterator[list[str]]:
    lines: list[str] = []
    number = logger.add(lambda line: lines.append(str(line)), level="WARNING")
    yield lines
    logger.remove(number)


async def test_it_opens_once_shows_where_and_closes(said: list[str]) -> None:
    door = HttpDoor("risk-api-1", nobody, "127.0.0.1", 0)
    assert not door.serving
    await door.start()
    await door.start()
    assert door.serving
    assert door.figures == {"url": door.url, "port": int(door.url.rpartition(":")[2]), "hosts_refused": 0}
    await door.stop()
    assert not door.serving
    assert said == []


@pytest.mark.parametrize("asks_who", [False, True])
async def test_beyond_loopback_it_warns_unless_it_asks_who_comes(said: list[str], asks_who: bool) -> None:
    door = HttpDoor("diff-front-1", nobody, "127.0.0.2", 0, asks_who=asks_who)
    await door.start()
    await door.stop()
    assert ["without authentication" in line for line in said] == ([] if asks_who else [True])
