"""The monitors of a broker: whatever goes wrong with one look or one report, they go on with the next."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from tests.waiting import settle, until

from tradepit.ports.broker import Broker
from tradepit.ports.bus import Bus
from tradepit.runtime.clock import SystemClock
from tradepit.services.broker_watch import BrokerWatch
from tradepit.services.order_monitor import OrderMonitor
from tradepit.services.queue_worker import Figures
from tradepit.services.tq_settings import TqServiceSettings
from tradepit.trading.model.errors import Unavailable
from tradepit.trading.model.report import DayReport, Report


class Teller:
    """A broker that tells these reports, and then nothing more; any other question is a mistake."""

    def __init__(self, *reports: Any) -> None:
        self.told, self.asked = reports, list[int]()

    async def connect(self) -> None:
        """Connected."""

    async def close(self) -> None:
        """Closed."""

    async def last_report(self) -> int:
        return max((report.sequence for report in self.told), default=0)

    async def reports(self, after: int) -> AsyncIterator[Report]:
        self.asked.append(after)
        for report in self.told:
            if report.sequence > after:
                yield report
        await asyncio.Event().wait()


class Blinking:
    """A look that fails in these ways, one after another, and then sees."""

    def __init__(self, *failures: Exception) -> None:
        self.failures, self.seen, self.reason = list(failures), 0, ""
        self.watch: BrokerWatch | None = None
        self.saw = asyncio.Event()

    async def look(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        if self.watch is not None and not self.seen:
            self.reason = self.watch.health().reason
        self.seen += 1
        self.saw.set()

    def figures(self) -> Figures:
        return {}


@pytest.mark.parametrize("failure", [Unavailable(), ValueError("no such exchange"), KeyError("x")])
async def test_a_watch_looks_again_whatever_went_wrong(failure: Exception) -> None:
    look = Blinking(failure)
    watch = BrokerWatch("w", "w-1", broker=cast("Broker", Teller()), clock=SystemClock(), look=look, look_s=0.05)
    look.watch = watch
    await watch.start()
    await asyncio.wait_for(look.saw.wait(), 30)
    await settle()
    # Until the look that went well it was told to be unwell.
    assert look.reason
    await watch.stop()


async def test_a_report_that_cannot_be_told_is_counted_and_the_next_one_is_read() -> None:
    day = DayReport(sequence=2, time_ns=1, trading_day=20250107, settled_day=20250106, settlement_prices={})

    class Odd:
        sequence, trading_day = 1, 20250106

    settings = TqServiceSettings(portfolio_id="1")
    broker = cast("Broker", Teller(Odd(), day))
    monitor = OrderMonitor("m", "m-1", broker=broker, bus=cast("Bus", None), updates="u", clock=SystemClock(), settings=settings)
    await monitor.start()
    await until(lambda: monitor.health().figures["report_sequence"] == 2)
    assert monitor.health().figures["untold"] == 1
    await monitor.stop()


async def test_a_monitor_that_starts_tells_the_last_two_days_again_and_no_more() -> None:
    days = [
        DayReport(sequence=number, time_ns=1, trading_day=day, settled_day=day - 1, settlement_prices={})
        for number, day in enumerate((20250102, 20250103, 20250103, 20250106, 20250106, 20250107), start=1)
    ]
    teller = Teller(*days)
    settings = TqServiceSettings(portfolio_id="1")
    monitor = OrderMonitor(
        "m", "m-1", broker=cast("Broker", teller), bus=cast("Bus", None), updates="u", clock=SystemClock(), settings=settings
    )
    await monitor.start()
    await until(lambda: monitor.health().figures["report_sequence"] == 6)
    # It looks for the two days first, and begins before the first report of the former one.
    assert teller.asked == [0, 3]
    await monitor.stop()
