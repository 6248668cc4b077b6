"""An exchange behind SSI FastConnect, and brokers that reach it: what the SSI broker is tested with."""

import base64
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from tests.patience import until
from tests.servers.ssi_exchange import API_KEY, API_SECRET
from tests.servers.ssi_server import SsiServer
from tests.servers.ssi_v2_server import DATA_KEY, DATA_SECRET, PIN, SsiV2Server

from tradepit.backends.broker.ssi.broker import SsiBroker
from tradepit.backends.broker.ssi.data_stream import SsiDataStream
from tradepit.backends.broker.ssi.dialect import SsiDialect
from tradepit.backends.broker.ssi.feed import FeedTiming, SsiFeed, Stream
from tradepit.backends.broker.ssi.history import ToldBar, v2_bars, v3_bars
from tradepit.backends.broker.ssi.http import SsiLogin
from tradepit.backends.broker.ssi.link import SsiLink, SsiTiming
from tradepit.backends.broker.ssi.market import SsiMarket
from tradepit.backends.broker.ssi.rest import SsiRest
from tradepit.backends.broker.ssi.v2.data import SsiV2Data
from tradepit.backends.broker.ssi.v2.data_stream import SsiV2DataStream
from tradepit.backends.broker.ssi.v2.dialect import SsiV2
from tradepit.backends.broker.ssi.v2.prices import SsiV2Prices
from tradepit.backends.broker.ssi.v2.rest import SsiV2Rest
from tradepit.backends.broker.ssi.v3 import SsiV3
from tradepit.backends.journal.file import FileJournal
from tradepit.runtime.clock import ShiftedClock, SystemClock
from tradepit.runtime.ssi_settings import SsiAccountSettings, SsiSettings
from tradepit.trading.calendar.catalog import load_catalog

ACCOUNTS = {"A": "0000018", "B": "0000028"}
SYMBOL = "VN30F2501"
DEVICE = "02:00:00:00:00:01"
TEN = 1_736_132_400_000_000_000  # 2025-01-06 10:00 in Hanoi
HASTE_S = 1.0
"""How long a broker waits that is to be in doubt: long enough for its order to arrive."""
Api = Literal["v2", "v3"]
KEY: RSAPrivateKey = generate_private_key(65537, 2048)


def xml_of(key: RSAPrivateKey) -> str:
    """A key as SSI hands it out."""
    private = key.private_numbers()
    public = private.public_numbers
    parts = {"Modulus": public.n, "Exponent": public.e, "P": private.p, "Q": private.q, "D": private.d}
    fields = "".join(f"<{name}>{base64.b64encode(_bytes(value)).decode()}</{name}>" for name, value in parts.items())
    return base64.b64encode(f"<RSAKeyValue>{fields}</RSAKeyValue>".encode()).decode()


def _bytes(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


class Hours(ShiftedClock):
    """The machine's time, moved to the market's, and further on when told."""

    def __init__(self) -> None:
        self._machine = SystemClock()
        super().__init__(TEN - self._machine.now_ns())
        self._ahead_ns = 0

    def now_ns(self) -> int:
        """UTC nanoseconds."""
        return super().now_ns() + self._ahead_ns

    def pass_hours(self, hours: int) -> None:
        """It is so much later."""
        self._ahead_ns += hours * 3_600_000_000_000


@contextlib.asynccontextmanager
async def served(folder: Path, api: Api, monkeypatch: pytest.MonkeyPatch) -> "AsyncIterator[SsiWorld]":
    """A world whose server answers, with its keys in the environment as a house looks for them."""
    world = SsiWorld(folder, api)
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    await world.server.start()
    yield world
    await world.server.stop()


class SsiWorld:
    """One server, one link to it, any number of brokers. ``restart`` is the house's own death and return."""

    reduces = outlives = checks_limits = True

    def __init__(self, folder: Path, api: Api = "v3") -> None:
        self._folder, self.api = folder, api
        self.clock = Hours()
        self.server: SsiServer | SsiV2Server
        make = SsiServer if api == "v3" else SsiV2Server
        self.server = make(self.clock, KEY.public_key(), tuple(ACCOUNTS.values()))
        self.login = SsiLogin(client_id="000001", api_key=API_KEY, api_secret=API_SECRET, private_key=xml_of(KEY))
        if api == "v2":
            self.login = msgspec.structs.replace(self.login, otp=PIN)
        self._brokers: list[SsiBroker] = []
        self._link: SsiLink | None = None

    @property
    def link(self) -> SsiLink:
        """The way to the server; made once it listens."""
        if self._link is None:
            timing = SsiTiming(settle_s=0.2, look_s=0.05, poll_s=0.1, back_off_s=0.02, back_off_max_s=0.05, relist_s=0.1)
            self._link = SsiLink(
                self.dialect(),
                FileJournal(self._folder / "reports", sync="os"),
                self.clock,
                load_catalog(),
                accounts=ACCOUNTS,
                symbols=(SYMBOL,),
                timing=timing,
            )
        return self._link

    def dialect(self) -> SsiDialect:
        """How the server is spoken to."""
        server = self.server
        if isinstance(server, SsiServer):
            return SsiV3(SsiRest(server.url, lambda: self.login, self.clock, requests_per_s=2000.0), server.stream_url)
        one_time = server.one_time
        rest = SsiV2Rest(server.url, lambda: self.login, self.clock, one_time=one_time, requests_per_s=2000.0)
        data = SsiLogin(client_id="", api_key=DATA_KEY, api_secret=DATA_SECRET, private_key="")
        prices = SsiV2Prices(SsiV2Data(server.url, lambda: data, self.clock, requests_per_s=1000.0))
        return SsiV2(rest, prices, server.stream_url, device_id=DEVICE)

    async def broker(self, session: str = "oms", timeout_s: float = 30.0) -> SsiBroker:
        broker = SsiBroker(self.link, load_catalog(), self.clock, timeout_s=timeout_s)
        self._brokers.append(broker)
        await broker.connect()
        if self.link.journal.epoch:
            # Somebody has led here before: only a leader goes to SSI again.
            await broker.open_session(self.link.journal.epoch)
        await until(lambda: self.link.ready)
        return broker

    @property
    def environment(self) -> dict[str, str]:
        """Where a house with ``settings`` finds its secrets."""
        found = {"KEY": API_KEY, "SECRET": API_SECRET, "PRIVATE": xml_of(KEY), "PIN": PIN}
        return {f"TEST_SSI_{name}": value for name, value in (found | {"DATA_KEY": DATA_KEY, "DATA_SECRET": DATA_SECRET}).items()}

    def settings(self, accounts: Mapping[str, str]) -> SsiSettings:
        """A house's way to the server: its accounts by name and SSI's number."""
        server = self.server
        settings = SsiSettings(
            api=self.api,
            url=server.url,
            stream_url=server.stream_url,
            data_url=server.url,
            client_id="000001",
            api_key_env="TEST_SSI_KEY",
            api_secret_env="TEST_SSI_SECRET",
            private_key_env="TEST_SSI_PRIVATE",
            accounts=tuple(SsiAccountSettings(account=name, number=number) for name, number in accounts.items()),
            symbols=(SYMBOL,),
            requests_per_s=1000.0,
            settle_s=0.2,
            poll_s=0.1,
            retry_max_s=0.5,
        )
        if isinstance(server, SsiServer):
            return settings
        return msgspec.structs.replace(
            settings,
            device_id=DEVICE,
            data_stream_url=server.data_stream_url,
            otp_env="TEST_SSI_PIN",
            data_key_env="TEST_SSI_DATA_KEY",
            data_secret_env="TEST_SSI_DATA_SECRET",
        )

    def market(self, *, silent_s: float = 60.0) -> SsiMarket:
        """The market of the link's contracts."""
        timing = FeedTiming(silent_s=silent_s, back_off_s=0.02, back_off_max_s=0.05)
        feed = SsiFeed(self.link, self._open_stream, self.clock, timing=timing)
        return SsiMarket(self.link, feed, self._history, self.clock)

    async def _history(self, code: str, trading_day: int) -> Sequence[ToldBar]:
        dialect = self.link.dialect
        if isinstance(dialect, SsiV2):
            return await v2_bars(dialect.prices.data, code, trading_day)
        assert isinstance(dialect, SsiV3)
        return await v3_bars(dialect.rest, code, trading_day)

    def _open_stream(self, names: Sequence[str]) -> Stream:
        dialect, server = self.link.dialect, self.server
        if isinstance(server, SsiServer):
            assert isinstance(dialect, SsiV3)
            return SsiDataStream(server.stream_url, dialect.rest, names, self.clock, timeout_s=30.0)
        assert isinstance(dialect, SsiV2)
        return SsiV2DataStream(server.data_stream_url, dialect.prices.data, names, self.clock, timeout_s=30.0)

    async def restart(self) -> None:
        """The house dies and comes back; nothing of it is left but the journal."""
        for broker in self._brokers:
            await broker.close()
        self._brokers, self._link = [], None

    async def trade(self) -> None:
        """The exchange brings them together."""

    @contextlib.asynccontextmanager
    async def losing_an_answer(self) -> AsyncIterator[None]:
        """The answer to the next order is late; the order is not lost."""
        self.server.flowing.clear()
        yield
        self.server.flowing.set()

    async def open(self) -> None:
        await self.server.start()
        if self._brokers:
            await until(lambda: self.link.ready)

    async def close(self) -> None:
        await self.server.stop()
        if self._brokers:
            await until(lambda: not self.link.ready)

    async def leave(self) -> None:
        await self.restart()
        await self.server.stop()
