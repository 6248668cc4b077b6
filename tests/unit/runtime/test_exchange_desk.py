"""Questions to the exchange: pages without gaps, and no error but Unavailable and refusals."""

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tradepit.backends.bus.memory import MemoryBus
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.trading.model.errors import Unavailable
from tradepit.trading.model.terms import Side

if TYPE_CHECKING:
    from tests.unit.conftest import StubExchange


async def test_all_reports_page_by_page(bus: MemoryBus, exchange: "StubExchange") -> None:
    for _ in range(8):
        await exchange.trade(Side.BUY, 1, tell=False)
    found = [report.sequence async for report in ExchangeDesk(bus).reports(2)]
    assert found == [3, 4, 5, 6, 7, 8]
    assert await ExchangeDesk(bus).last_report() == 8


async def test_accounts_it_does_not_know_are_none(bus: MemoryBus, exchange: "StubExchange") -> None:
    desk = ExchangeDesk(bus)
    known = await desk.account("A1")
    assert known is not None
    assert known.account == "A1"
    assert await desk.account("nobody") is None
    assert (await desk.instruments()).trading_day == 20250106
    listed = await desk.listed("IF2501")
    assert (listed.reference, listed.trading_day) == (Decimal(3900), 20250106)
    with pytest.raises(Unavailable):
        await desk.listed("IC2501")


async def test_an_exchange_that_cannot_answer_is_unavailable(bus: MemoryBus, exchange: "StubExchange") -> None:
    exchange.down = True
    with pytest.raises(Unavailable):
        await ExchangeDesk(bus).instruments()
    with pytest.raises(Unavailable):
        await ExchangeDesk(bus).last_report()
