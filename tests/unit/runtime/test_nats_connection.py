"""The NATS client protocol, against a scripted server on a loopback socket: bytes in any pieces, errors, silence."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.patience import PATIENCE_S
from tests.waiting import until

from tradepit.cli.loop import run
from tradepit.runtime.nats_connection import NatsConnection, NatsMessage
from tradepit.trading.model.errors import BadRequest, PayloadTooLarge, TimedOut, Unavailable

INFO = b'INFO {"server_id":"S","max_payload":64,"headers":true}\r\n'


class Script:
    """One accepted connection: keeps what it was sent, answers pings unless told not to."""

    def __init__(self) -> None:
        self.received = b""
        self.answers_pings = True
        self.greeting = INFO
        self.left = asyncio.Event()
        self.writer: asyncio.StreamWriter

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        writer.write(self.greeting)
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                self.received += data
                if self.answers_pings:
                    writer.write(b"PONG\r\n" * data.count(b"PING\r\n"))
        writer.close()
        self.left.set()

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


@asynccontextmanager
async def connected(script: Script, credentials: str = "") -> AsyncIterator[tuple[NatsConnection, list[str]]]:
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    port, ends = server.sockets[0].getsockname()[1], list[str]()
    connection = NatsConnection(f"nats://{credentials}127.0.0.1:{port}", name="t", on_closed=lambda: ends.append("closed"))
    try:
        await connection.connect(PATIENCE_S)
        yield connection, ends
    finally:
        connection.abort()
        server.close()
        async with asyncio.timeout(PATIENCE_S):
            await script.left.wait()


async def test_it_greets_with_its_name_and_credentials() -> None:
    script = Script()
    async with connected(script, "me:s%40cret@"):
        assert script.received.startswith(b"CONNECT {")
        assert b'"name":"t"' in script.received
        assert b'"user":"me"' in script.received
        assert b'"pass":"s@cret"' in script.received
        assert b'"no_responders":true' in script.received


async def test_a_token_is_sent_as_one() -> None:
    script = Script()
    async with connected(script, "t0ken@"):
        assert b'"auth_token":"t0ken"' in script.received


async def test_a_server_that_refuses_is_unavailable_and_its_secret_is_not_told() -> None:
    script = Script()
    script.greeting, script.answers_pings = INFO + b"-ERR 'Authorization Violation'\r\n", False
    with pytest.raises(Unavailable) as raised:
        async with connected(script, "me:secret@"):
            pass
    assert "secret" not in str(raised.value)
    assert "Authorization Violation" in str(raised.value)


async def test_nobody_there_is_unavailable() -> None:
    connection = NatsConnection("nats://127.0.0.1:1", name="t", on_closed=lambda: None)
    with pytest.raises(Unavailable):
        await connection.connect(PATIENCE_S)


async def test_what_one_turn_publishes_leaves_in_order_and_in_the_protocols_words() -> None:
    script = Script()
    async with connected(script) as (connection, _):
        connection.publish("a.b", b"one")
        connection.publish("a.b", b"two", "reply.to")
        connection.publish("a.c", b"three", headers={"Nats-Msg-Id": "7"})
        await connection.flush(PATIENCE_S)
        header = b"NATS/1.0\r\nNats-Msg-Id: 7\r\n\r\n"
        assert (
            b"PUB a.b 3\r\none\r\nPUB a.b reply.to 3\r\ntwo\r\nHPUB a.c %d %d\r\n%bthree\r\n"
            % (len(header), len(header) + 5, header)
            in script.received
        )


async def test_what_must_not_be_sent_is_refused() -> None:
    async with connected(Script()) as (connection, _):
        with pytest.raises(PayloadTooLarge):
            connection.publish("a", b"x" * 65)
        for subject in ("", "a b", "a\r\nPUB b 0", "ä"):
            with pytest.raises(BadRequest):
                connection.publish(subject, b"")
            with pytest.raises(BadRequest):
                connection.subscribe(subject, print)
        with pytest.raises(BadRequest):
            connection.publish("a", b"", headers={"x": "1\r\ny: 2"})


MESSAGES = (
    NatsMessage("a", "", b"one", None),
    NatsMessage("b.c", "_INBOX.1", b"", None),
    NatsMessage("a", "r", b"a\r\nMSG b 1 0\r\n\r\n", {"Status": "503", "Description": "No Responders", "Key": "va:lue"}),
    NatsMessage("a", "", b"", {"Status": "100"}),
)
SPOKEN = (
    b"MSG a 1 3\r\none\r\n"
    b"MSG b.c 1 _INBOX.1 0\r\n\r\n"
    b"PING\r\n"
    b"HMSG a 1 r 42 58\r\nNATS/1.0 503 No Responders\r\nKey:va:lue\r\n\r\n"
    b"a\r\nMSG b 1 0\r\n\r\n\r\n"
    b"HMSG a 1 16 16\r\nNATS/1.0 100\r\n\r\n\r\n"
    b"+OK\r\n"
)


@given(cuts=st.lists(st.integers(0, len(SPOKEN)), max_size=12))
def test_messages_arrive_whole_however_the_bytes_are_cut(cuts: list[int]) -> None:
    asyncio.run(_hear_in_pieces(cuts))


async def _hear_in_pieces(cuts: list[int]) -> None:
    connection = NatsConnection("nats://127.0.0.1:1", name="t", on_closed=lambda: None)
    heard: list[NatsMessage] = []
    connection.subscribe("a", heard.append)
    places = sorted({0, len(SPOKEN), *cuts})
    for begin, end in itertools.pairwise(places):
        connection.data_received(SPOKEN[begin:end])
    assert tuple(heard) == MESSAGES


async def test_a_callback_that_fails_costs_nobody_else_their_message() -> None:
    script, heard = Script(), list[bytes]()

    def fail(message: NatsMessage) -> None:
        raise ValueError(message.subject)

    async with connected(script) as (connection, _):
        connection.subscribe("a", fail)
        connection.subscribe("b", lambda message: heard.append(message.data))
        await connection.flush(PATIENCE_S)
        await script.say(b"MSG a 1 1\r\nx\r\nMSG b 2 1\r\ny\r\n")
        await until(lambda: heard == [b"y"])


async def test_what_came_before_the_end_of_a_subscription_is_handed_over_and_nothing_after() -> None:
    script, heard = Script(), list[bytes]()
    async with connected(script) as (connection, _):
        sid = connection.subscribe("a", lambda message: heard.append(message.data), queue="q")
        await connection.flush(PATIENCE_S)
        assert b"SUB a q 1\r\n" in script.received
        await script.say(b"MSG a 1 1\r\nx\r\n")
        await connection.unsubscribe(sid, PATIENCE_S)
        await script.say(b"MSG a 1 1\r\ny\r\n")
        await connection.flush(PATIENCE_S)
        assert heard == [b"x"]


@pytest.mark.parametrize("nonsense", [b"MSG a 1 x\r\n", b"MSG\r\n", b"-ERR 'Stale Connection'\r\n", b"x" * 70_000])
async def test_a_server_that_talks_nonsense_or_says_goodbye_is_left(nonsense: bytes) -> None:
    script = Script()
    async with connected(script) as (connection, ends):
        await script.say(nonsense)
        await until(lambda: connection.closed)
        assert ends == ["closed"]
        with pytest.raises(Unavailable):
            connection.publish("a", b"")
        with pytest.raises(Unavailable):
            await connection.flush(PATIENCE_S)


async def test_a_refused_subject_does_not_end_the_connection() -> None:
    script = Script()
    async with connected(script) as (connection, _):
        await script.say(b"-ERR 'Permissions Violation for Publish to \"x\"'\r\n")
        await connection.flush(PATIENCE_S)
        assert not connection.closed


async def test_a_frozen_server_answers_no_flush() -> None:
    script = Script()
    async with connected(script) as (connection, _):
        script.answers_pings = False
        with pytest.raises(TimedOut):
            await connection.flush(0.01)


async def test_closing_sends_what_was_handed_over() -> None:
    script = Script()
    async with connected(script) as (connection, ends):
        connection.publish("a", b"last")
        await connection.close(PATIENCE_S)
        assert b"PUB a 4\r\nlast\r\n" in script.received
        await connection.close(PATIENCE_S)
        assert ends == ["closed"]


async def test_one_that_sends_faster_than_the_server_reads_has_to_wait() -> None:
    async with connected(Script()) as (connection, _):
        assert not connection.is_full
        connection.pause_writing()
        assert connection.is_full
        waiting = asyncio.ensure_future(connection.writable())
        await asyncio.sleep(0)
        assert not waiting.done()
        connection.resume_writing()
        await waiting


def test_it_runs_on_uvloop_too() -> None:
    async def talk() -> None:
        script, heard = Script(), list[bytes]()
        async with connected(script) as (connection, _):
            connection.subscribe("a", lambda message: heard.append(message.data))
            await connection.flush(PATIENCE_S)
            await script.say(b"MSG a 1 1\r\nx\r\n")
            await until(lambda: heard == [b"x"])
            connection.publish("a", b"y")
            await connection.close(PATIENCE_S)
            assert b"PUB a 1\r\ny\r\n" in script.received

    run(talk())


async def test_a_flood_on_one_connection_leaves_the_event_loop_to_others() -> None:
    script, heard, turns = Script(), list[int](), list[int]()
    async with connected(script) as (connection, _):
        connection.subscribe("a", lambda message: heard.append(int(message.data)))
        await connection.flush(PATIENCE_S)
        flood = b"".join(b"MSG a 1 %d\r\n%d\r\n" % (len(str(number)), number) for number in range(1000))
        connection.data_received(flood)

        def look() -> None:
            turns.append(len(heard))
            if len(heard) < 1000:
                asyncio.get_running_loop().call_soon(look)

        look()
        await until(lambda: len(heard) == 1000)
        assert heard == list(range(1000))
        assert 0 < turns[0] < 100
        assert len(turns) > 10
