"""One connection to a RabbitMQ server that mends itself: reconnects for ever, and maps the client's errors to ours."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, cast
from urllib.parse import quote

import aiormq
from aiormq.abc import AbstractChannel, AbstractConnection
from aiormq.channel import Channel as AmqpChannel
from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from aiormq.exceptions import (
    AuthenticationError,
    ChannelAccessRefused,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    ConnectionNotAllowed,
    ProbableAuthenticationError,
)
from loguru import logger
from yarl import URL

from tradepit.backends.bus.rabbitmq_frames import ReadableFrames
from tradepit.runtime.urls import without_secret
from tradepit.trading.model.errors import ConfigError, TradepitError, Unavailable

_REFUSALS = (
    AuthenticationError,
    ProbableAuthenticationError,
    ConnectionNotAllowed,
    ChannelAccessRefused,
    ChannelPreconditionFailed,
)
_CONNECT_S, _ANSWER_S, _CLOSE_S, _READY_S = 3.0, 5.0, 4.0, 20.0
_MAX_RETRY_S = 0.5
# What goes wrong reaches us as errors; the client would also write each attempt to connect to the log as one.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """The client's errors become ours: ConfigError what the server refuses for good or no server could take, Unavailable all else."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(f"not a name, or a value, that AMQP has: {_text(error)}") from error
    except _REFUSALS as error:
        raise ConfigError(f"the RabbitMQ server refuses: {_text(error)}") from error
    except TradepitError:
        raise
    except Exception as error:
        # Not the client's own tree alone: what waits on a lost connection is told so by a bare Exception, or an OSError.
        raise Unavailable(f"no answer from RabbitMQ: {_text(error)}") from error
    except asyncio.CancelledError as error:
        # The client cancels what waits on a channel when that is closed; nobody cancelled this task.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Unavailable("the channel was closed") from error


@contextlib.asynccontextmanager
async def bounded(timeout_s: float = _ANSWER_S) -> AsyncIterator[None]:
    """As ``translated``, and no longer than ``timeout_s`` seconds: on a lost connection the client may wait for ever to send."""
    with translated():
        async with asyncio.timeout(timeout_s):
            yield


def _text(error: BaseException) -> str:
    return str(error)[:200] or type(error).__name__


async def shut(channel: AbstractChannel | None) -> None:
    """Close a channel, whatever state it is in."""
    if channel is not None:
        with contextlib.suppress(TradepitError), translated():
            async with asyncio.timeout(_ANSWER_S):
                await channel.close()


class _Cable(TransportFactory):
    """Makes a connection's transport and keeps hold of it, to cut it when its far end does not even take a farewell."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None

    async def create(self, url: URL, **options: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:  # noqa: ANN401 - the client's own
        factory = TLSTransportFactory() if url.scheme == "amqps" else TCPTransportFactory()
        reader, self._writer = await factory.create(url, **options)
        return cast("asyncio.StreamReader", ReadableFrames(reader)), self._writer

    def cut(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()


class RabbitmqLink:
    """Connects with ``connect``, then keeps itself connected until ``close``.

    ``prepare`` is run on every fresh connection before anybody else may use it: it declares what must be there.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        prepare: Callable[[AbstractConnection], Awaitable[None]],
        heartbeat_s: int = 2,
        retry_s: float = 0.05,
    ) -> None:
        self._url = f"{url}{'&' if '?' in url else '?'}name={quote(name, safe='')}&heartbeat={heartbeat_s}"
        self._name, self._address = name, without_secret(url)
        self._prepare, self._retry_s = prepare, retry_s
        self._connection: AbstractConnection | None = None
        self._cable = _Cable()
        self._up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.reconnects = 0

    @property
    def is_up(self) -> bool:
        """Whether a connection stands now."""
        return self._up.is_set() and self._connection is not None and not self._connection.is_closed

    async def connect(self, timeout_s: float = 15.0) -> None:
        """Connect. Idempotent. Raises Unavailable when no server answers in ``timeout_s`` seconds, ConfigError when it refuses."""
        if self._task is not None:
            return
        deadline, silent = asyncio.get_running_loop().time() + timeout_s, True
        while True:
            try:
                await self._open()
                break
            except Unavailable as error:
                if asyncio.get_running_loop().time() >= deadline:
                    raise Unavailable(error.message, bus=self._address) from error
                if silent:
                    logger.warning("{}: trying for {:g} s: {} (bus={})", self._name, timeout_s, error.message, self._address)
                    silent = False
                await asyncio.sleep(self._retry_s)
        self._task = asyncio.get_running_loop().create_task(self._keep(), name=f"{self._name}:rabbitmq-keep")

    async def wait_up(self, timeout_s: float) -> bool:
        """Wait up to ``timeout_s`` seconds for a connection; whether there is one."""
        if not self.is_up and self._task is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._up.wait()
        return self.is_up

    async def channel(self, *, confirms: bool = False) -> AmqpChannel:
        """A fresh channel. Raises Unavailable."""
        connection = self._connection
        if connection is None or not self.is_up:
            raise Unavailable("not connected to the RabbitMQ server")
        return await open_channel(connection, confirms=confirms)

    async def declare(self) -> None:
        """Declare again what must be there, as on a fresh connection. Raises Unavailable, ConfigError."""
        connection = self._connection
        if connection is None or not self.is_up:
            raise Unavailable("not connected to the RabbitMQ server")
        await self._prepare(connection)

    def reset(self) -> None:
        """Give the connection up: it stands but nothing comes of it."""
        if self.is_up:
            self._up.clear()
            self._cable.cut()

    async def close(self) -> None:
        """Disconnect. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        connection, self._connection = self._connection, None
        self._up.clear()
        if connection is not None:
            await _hang_up(connection, self._cable)

    async def _open(self) -> None:
        cable = _Cable()
        try:
            with translated():
                async with asyncio.timeout(_CONNECT_S):
                    connection: AbstractConnection = await aiormq.connect(self._url, transport_factory=cable)
        except BaseException:
            cable.cut()
            raise
        try:
            await self._make_ready(connection)
        except BaseException:
            await _hang_up(connection, cable)
            raise
        self._connection, self._cable = connection, cable
        self._up.set()

    async def _make_ready(self, connection: AbstractConnection) -> None:
        # A server that has just started serves before it has found its queues again.
        wait, deadline = self._retry_s, asyncio.get_running_loop().time() + _READY_S
        while True:
            try:
                await self._prepare(connection)
                break
            except Unavailable as error:
                if connection.is_closed or asyncio.get_running_loop().time() > deadline:
                    raise
                logger.debug("{}: the server is not ready: {}", self._name, error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, _MAX_RETRY_S)

    async def _keep(self) -> None:
        while self._connection is not None:
            await asyncio.wait([self._connection.closing])
            self._up.clear()
            logger.warning("{}: lost the connection to RabbitMQ, connecting again", self._name)
            wait = self._retry_s
            while True:
                try:
                    await self._open()
                    break
                except TradepitError as error:
                    logger.debug("{}: cannot connect yet: {}", self._name, error)
                    await asyncio.sleep(wait)
                    wait = min(wait * 2, _MAX_RETRY_S)
            self.reconnects += 1
            logger.info("{}: connected to RabbitMQ again", self._name)


async def open_channel(connection: AbstractConnection, *, confirms: bool = False) -> AmqpChannel:
    """A fresh channel of this connection. Raises Unavailable."""
    with translated():
        async with asyncio.timeout(_ANSWER_S):
            channel = await connection.channel(publisher_confirms=confirms)
            assert isinstance(channel, AmqpChannel)  # noqa: S101 - it declares less than it gives
            return channel


async def exists(connection: AbstractConnection, *, queue: str = "", exchange: str = "") -> bool:
    """Whether a queue, or an exchange, is there. Raises Unavailable, also while the server is still recovering it."""
    channel = await open_channel(connection)
    try:
        with translated():
            try:
                async with asyncio.timeout(_ANSWER_S):
                    if queue:
                        await channel.queue_declare(queue, passive=True)
                    else:
                        await channel.exchange_declare(exchange, passive=True)
            except ChannelNotFoundEntity as error:
                if "NOT_FOUND - no " not in str(error):
                    raise
                return False
            return True
    finally:
        await shut(channel)


@contextlib.asynccontextmanager
async def alone(connection: AbstractConnection, name: str) -> AsyncIterator[None]:
    """Hold the lock called ``name``: an exclusive queue, which dies with its holder's connection. Raises Unavailable if it is held."""
    channel = await open_channel(connection)
    try:
        with translated():
            async with asyncio.timeout(_ANSWER_S):
                await channel.queue_declare(name, exclusive=True, auto_delete=True)
        yield
        with translated():
            async with asyncio.timeout(_ANSWER_S):
                await channel.queue_delete(name)
    finally:
        await shut(channel)


async def _hang_up(connection: AbstractConnection, cable: _Cable) -> None:
    try:
        with contextlib.suppress(TradepitError), translated():
            async with asyncio.timeout(_CLOSE_S):
                await connection.close()
    finally:
        cable.cut()
