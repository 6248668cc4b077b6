"""The embedded HTTP server: binds, serves, leaves signals alone, stops."""

import asyncio
import signal
import socket
from typing import TYPE_CHECKING

import pytest
from litestar.types import Receive, Scope, Send
from tests.servers.ports import free_port

from tradepit.trading.model.errors import Unavailable
from tradepit.web import http_server
from tradepit.web.http_server import HttpServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.unit.web.conftest import Answer


class Slow:
    """Answers once released."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done", "more_body": False})


@pytest.fixture
async def server() -> "AsyncIterator[tuple[HttpServer, Slow]]":
    app = Slow()
    made = HttpServer(app, "127.0.0.1", 0)
    yield made, app
    await made.stop()


async def test_it_takes_a_free_port_and_leaves_the_signals_alone(
    server: tuple[HttpServer, Slow], fetch: "Callable[[str], Answer]"
) -> None:
    made, app = server
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    await made.start()
    await made.start()
    assert made.url == f"http://127.0.0.1:{made.port}"
    assert made.port > 0
    app.release.set()
    assert (await asyncio.to_thread(fetch, made.url)).body == b"done"
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


async def test_a_request_in_hand_is_finished(
    server: tuple[HttpServer, Slow], fetch: "Callable[[str], Answer]", monkeypatch: pytest.MonkeyPatch
) -> None:
    made, app = server
    for limit in ("_GRACE_S", "_STOP_S"):
        monkeypatch.setattr(http_server, limit, 60)
    await made.start()
    asking = asyncio.create_task(asyncio.to_thread(fetch, made.url))
    await app.asked.wait()
    stopping = asyncio.create_task(made.stop())
    await asyncio.sleep(0)
    app.release.set()
    assert (await asking).body == b"done"
    await stopping
    assert not made.serving


async def test_a_request_that_never_ends_does_not_hold_up_the_stop(server: tuple[HttpServer, Slow]) -> None:
    made, app = server
    await made.start()
    with socket.create_connection(("127.0.0.1", made.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await app.asked.wait()
        async with asyncio.timeout(60):
            await made.stop()
    assert app.cancelled
    await made.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", made.port))


async def test_a_taken_port_is_told(server: tuple[HttpServer, Slow]) -> None:
    made, app = server
    await made.start()
    with pytest.raises(Unavailable) as told:
        await HttpServer(app, "127.0.0.1", made.port).start()
    assert told.value.details == {"host": "127.0.0.1", "port": made.port}


async def test_it_serves_again_on_the_port_it_left(server: tuple[HttpServer, Slow], fetch: "Callable[[str], Answer]") -> None:
    _, app = server
    app.release.set()
    made = HttpServer(app, "127.0.0.1", free_port())
    await made.start()
    await asyncio.to_thread(fetch, made.url)
    port = made.port
    await made.stop()
    again = HttpServer(app, "127.0.0.1", port)
    await again.start()
    assert (await asyncio.to_thread(fetch, again.url)).status == 200
    await again.stop()
