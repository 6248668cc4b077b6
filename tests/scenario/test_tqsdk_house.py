"""A house whose broker is an unmodified TqSDK trades on the exchange of another house, while both are killed or restarted."""

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.patience import until
from tests.tqsdk_world import TqsdkWorld

from tradepit.compose.roles import make_service
from tradepit.compose.wiring import Wiring
from tradepit.config import OrderSettings, TqAccountSettings, TqSettings
from tradepit.ports.bus import Message
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.runtime.order_client import OrderClient
from tradepit.services.order_management import OrderManagementService
from tradepit.trading.model.errors import OutcomeUnknown, RequestRefused, Unavailable
from tradepit.trading.model.report import TradeReport
from tradepit.wire.simulator import TRADES_EXECUTED, TradeData
from tradepit.wire.simulator_codec import decode

RISK = {"rate": {"orders_per_s": 1000, "order_burst": 2000, "cancels_per_s": 1000, "cancel_burst": 2000}}
ORDERS, ROUND = 100, 20
PRICE = Decimal(3900)


class TradingHouse:
    """Order management and gateway whose broker is TqSDK; account A of the exchange is its account A."""

    def __init__(self, exchange: TqsdkWorld, folder: Path) -> None:
        settings = msgspec.structs.replace(
            exchange.wiring.settings,
            data_dir=str(folder),
            journal="file?sync=os",
            broker="tqsdk",
            orders=OrderSettings(risk=RISK),
            tq=TqSettings(
                run_mode="real",
                user="house",
                password_env="TEST_TQ_WORD",
                accounts=(TqAccountSettings(account="A", broker_id="simnow", user="A", password_env="TEST_TQ_WORD"),),
                symbols=("CFFEX.IF2501",),
                settle_s=0.3,
                ack_s=5.0,
                retry_max_s=0.5,
            ),
        )
        self.wiring = Wiring(settings, process="house")
        made = make_service(self.wiring, "order-management-1", _fail)
        assert isinstance(made, OrderManagementService)
        self.service = made
        self.gateway = make_service(self.wiring, "trading-gateway-1", _fail)
        self.client: OrderClient = self.wiring.client(self.wiring.bus())

    async def open(self) -> None:
        await self.wiring.bus().connect()
        await self.gateway.start()
        await self.service.start()
        await until(lambda: self.service.health().status == "ACTIVE")

    async def close(self) -> None:
        await self.service.stop()
        await self.gateway.stop()
        await self.wiring.bus().close()

    @property
    def connected(self) -> bool:
        """Logged in at the exchange."""
        return self.wiring._tqsdk is not None and self.wiring._tqsdk.ready

    async def kill(self) -> None:
        """End TqSDK's process as a crash would."""
        assert self.wiring._tqsdk is not None
        assert self.wiring._tqsdk.pid is not None
        os.kill(self.wiring._tqsdk.pid, signal.SIGKILL)
        await until(lambda: not self.connected)


def _fail(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize("seed", [1])
async def test_nothing_is_lost_doubled_or_unexplained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    exchange = TqsdkWorld(tmp_path)
    for name, value in (exchange.environment | {"TEST_TQ_WORD": "pw"}).items():
        monkeypatch.setenv(name, value)
    await exchange.open()
    house = TradingHouse(exchange, tmp_path / "trading")
    await house.open()
    try:
        await _trade(exchange, house, random.Random(seed))
        await until(lambda: not house.service.health().figures["in_doubt"])
        await _compare(exchange, house)
        await _compare_followers(exchange, house)
    finally:
        await house.close()
        await exchange.leave()


async def _trade(exchange: TqsdkWorld, house: TradingHouse, chance: random.Random) -> None:
    """Rounds of orders, cancels and counterparties; in the middle of each something dies."""
    other = exchange.wiring.client(exchange.wiring.bus())
    for first in range(0, ORDERS, ROUND):
        await until(lambda: house.connected and not house.service.health().figures["in_doubt"])
        moment, sending = first + chance.randrange(ROUND // 2, ROUND), []
        for number in range(first, first + ROUND):
            sending.append(asyncio.ensure_future(_submit(house, number)))
            if number % 3 == 0 and number < moment:
                await other.submit(side="SELL", symbol="IF2501", price=PRICE, volume=2, account="B", client_order_id=f"s{number}")
            if number % 4 == 0:
                sending.append(asyncio.ensure_future(_cancel(house, number - 1)))
            await asyncio.sleep(chance.uniform(0.0, 0.05))
            if number == moment:
                await (_restart(exchange) if first == 2 * ROUND else house.kill())
        await asyncio.gather(*sending)


async def _restart(exchange: TqsdkWorld) -> None:
    await exchange.close()
    await exchange.open()


async def _submit(house: TradingHouse, number: int) -> None:
    with contextlib.suppress(OutcomeUnknown, RequestRefused, Unavailable):
        await house.client.submit(
            side="BUY", symbol="IF2501", price=PRICE, volume=1, account="A", client_order_id=f"c{number}", reference="flow"
        )


async def _cancel(house: TradingHouse, number: int) -> None:
    with contextlib.suppress(OutcomeUnknown, RequestRefused, Unavailable):
        await house.client.cancel(account="A", client_order_id=f"c{number}")


async def _compare(exchange: TqsdkWorld, house: TradingHouse) -> None:
    """Every order is on both sides what it is, and every lot the exchange has traded is known here once."""
    venue = {order.client_order_id: order for order in await ExchangeDesk(exchange.wiring.bus()).orders("A")}
    leader = house.service._leader
    assert leader is not None
    register = leader.desk.register
    fates = {"sent": 0, "not sent": 0}
    await until(lambda: sum(register.trade_lots.values()) == sum(order.traded_lots for order in venue.values()))
    for (_, client_order_id), ours in register.orders.items():
        theirs = venue.pop(client_order_id, None)
        if theirs is None:
            assert (ours.status.terminal, ours.traded_lots) == (True, 0), ours
            fates["not sent"] += 1
        else:
            assert (ours.status, ours.traded_lots, ours.left_lots) == (theirs.status, theirs.traded_lots, theirs.left_lots)
            assert register.trade_lots.get(("A", client_order_id), 0) == theirs.traded_lots
            fates["sent"] += 1
    assert venue == {}
    assert fates["sent"] >= ORDERS // 2


async def _compare_followers(exchange: TqsdkWorld, house: TradingHouse) -> None:
    """Whoever follows reports, or the topic of trades, has every lot of the exchange once."""
    venue = {order.client_order_id: order for order in await ExchangeDesk(exchange.wiring.bus()).orders("A")}
    traded = {name: order.traded_lots for name, order in venue.items() if order.traded_lots}
    assert traded
    told: Counter[str] = Counter()
    reports = [report async for report in ExchangeDesk(house.wiring.bus()).reports(0)]
    assert [report.sequence for report in reports] == list(range(1, len(reports) + 1))
    for report in reports:
        if isinstance(report, TradeReport):
            told[report.trade.client_order_id] += report.trade.volume_lots
    assert told == traded
    heard: Counter[str] = Counter()

    async def hear(message: Message) -> None:
        data = decode(message.payload, TradeData)
        heard[data.client_order_id] += data.volume

    await house.wiring.bus().subscribe(TRADES_EXECUTED, hear, replay=True)
    await until(lambda: heard.total() >= sum(traded.values()))
    assert heard == traded
