"""An exchange behind its DIFF front, and a way to it through an unmodified TqSDK: what the TqSDK broker is tested with."""

import contextlib
import os
import signal
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Literal

from tests.patience import until
from tests.servers.ports import free_port

from tradepit.backends.broker.tqsdk.broker import TqsdkBroker
from tradepit.backends.broker.tqsdk.frames import Login, LoginAccount
from tradepit.backends.broker.tqsdk.link import TqsdkLink, TqsdkTiming
from tradepit.backends.journal.file import FileJournal
from tradepit.compose.roles import make_service
from tradepit.compose.wiring import Wiring
from tradepit.config import AccountSettings, ContractSettings, DiffSettings, ExchangeSettings, Settings
from tradepit.ports.broker import Broker
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.service import Service
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.web.diff.addresses import addresses

Kind = Literal["account", "kq", "sim"]
_SERVICES = ("trading-gateway-1", "order-management-1", "diff-front-1")


class TqsdkWorld:
    """The exchange behind its DIFF front, and brokers that reach it through an unmodified TqSDK.

    ``kind``: TqAccount (``account``), TqKq (``kq``), TqSim (``sim``). The house's accounts A and B are accounts of that kind.
    """

    reduces = False

    def __init__(self, folder: Path, kind: Kind = "account") -> None:
        self._folder, self.kind = folder, kind
        # TqSim lives in TqSDK's process: the exchange is no more to it than where prices come from.
        self.outlives = self.checks_limits = kind != "sim"
        self._port = free_port()
        settings = Settings(
            data_dir=str(folder / "house"),
            bus="memory://",
            journal="memory",
            lease="memory",
            cache="memory",
            exchange=ExchangeSettings(
                contracts=(ContractSettings(symbol="IF2501", reference=Decimal(3900)),),
                accounts=tuple(AccountSettings(account=name, deposit=Decimal(10_000_000)) for name in "AB"),
                starts_at="2025-01-06T10:00:00+08:00",
                origin_ns=SystemClock().now_ns(),
            ),
            diff=DiffSettings(port=self._port),
        )
        self.wiring = Wiring(settings, process="conformance")
        self._services: list[Service] = []
        self._brokers: list[TqsdkBroker] = []
        self.link = TqsdkLink(
            folder / "tqsdk",
            FileJournal(folder / "reports", sync="os"),
            self._login,
            self.wiring.exchange_clock(),
            timing=TqsdkTiming(settle_s=0.2, back_off_s=0.2, back_off_max_s=0.5),
            environment=os.environ | self.environment,
        )

    @property
    def environment(self) -> dict[str, str]:
        """What sends TqSDK to this exchange and nowhere else."""
        return addresses("127.0.0.1", self._port) | {"HTTPS_PROXY": "http://127.0.0.1:9"}

    def _login(self) -> Login:
        if self.kind == "account":
            real = [LoginAccount(name=name, broker="simnow", user=name, password="pw") for name in "AB"]
            return Login(run_mode="real", user="house", password="pw", accounts=real, symbols=["CFFEX.IF2501"])
        accounts = [LoginAccount(name="A"), LoginAccount(name="B", number=1)]
        return Login(run_mode="sandbox", sandbox=self.kind, user="house", password="pw", accounts=accounts)

    async def broker(self, session: str = "oms", timeout_s: float = 30.0) -> Broker:
        broker = TqsdkBroker(self.link, load_catalog(), self.wiring.exchange_clock(), timeout_s=timeout_s)
        self._brokers.append(broker)
        await broker.connect()
        await until(lambda: self.link.ready)
        return broker

    async def trade(self) -> None:
        """Bring a buy and a sell of two lots at 3900 together where the exchange does not: TqSim trades when somebody else offers."""
        if self.kind != "sim":
            return
        client = self.wiring.client(self.wiring.bus())
        # It wants to have seen a last price first; then an offer for the buy, and a bid for the sell.
        for number, side in enumerate(("SELL", "BUY", "SELL", "BUY", "BUY")):
            account = "A" if side == "SELL" else "B"
            if number == 3:
                await until(lambda: self._traded("A"))
            await client.submit(
                side=side, symbol="IF2501", price=Decimal(3900), volume=2, account=account, client_order_id=f"maker-{number}"
            )

    def _traded(self, account: str) -> bool:
        return any(order.traded_lots for (name, _), order in self.link.book.orders.items() if name == account)

    @contextlib.asynccontextmanager
    async def losing_an_answer(self) -> AsyncIterator[None]:
        """The answer to the next order is late; the order is not lost."""
        assert self.link.pid is not None
        os.kill(self.link.pid, signal.SIGSTOP)
        yield
        os.kill(self.link.pid, signal.SIGCONT)

    async def open(self) -> None:
        await self.wiring.bus().connect()
        for instance in _SERVICES:
            service = make_service(self.wiring, instance, _fail)
            await service.start()
            self._services.append(service)
        await until(lambda: all(service.health().ready for service in self._services))
        if self._brokers:
            await until(lambda: self.link.ready)

    async def close(self) -> None:
        while self._services:
            await self._services.pop().stop()
        if self._brokers:
            await until(lambda: not self.link.ready)

    async def leave(self) -> None:
        for broker in self._brokers:
            await broker.close()
        self._brokers = []
        await self.close()
        await self.wiring.bus().close()


def _fail(error: BaseException) -> None:
    raise error
