"""The order monitor: follows the broker's reports and publishes every change of an order to the queue of order updates."""

from loguru import logger

from tradepit.ports.broker import Broker
from tradepit.ports.bus import Bus
from tradepit.ports.clock import Clock
from tradepit.runtime.average_prices import AveragePrices
from tradepit.runtime.service import Health
from tradepit.runtime.tasks import TaskGroup
from tradepit.services.queue_worker import Figures
from tradepit.services.tq_settings import TqServiceSettings
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.register import OrderRegister
from tradepit.wire.tq_codec import encode, order_update

_AGAIN_S = 0.2


class OrderMonitor:
    """Begins with the first report of the trading day before the newest one: rows are merged and events are kept once, so telling
    again is harmless, and what is older was told on its day. A journal of many months must not hold up the news of today.

    A report is done when its update is in the queue; until then the next one waits. Duplicates, late fills and states that come
    out of order are judged by the register, as everywhere in this house.
    """

    def __init__(
        self,
        name: str,
        instance: str,
        *,
        broker: Broker,
        bus: Bus,
        updates: str,
        clock: Clock,
        settings: TqServiceSettings,
    ) -> None:
        self._name, self._instance = name, instance
        self._broker, self._bus, self._updates = broker, bus, updates
        self._clock, self._settings = clock, settings
        self._tasks = TaskGroup(instance)
        self._register = OrderRegister()
        self._prices = AveragePrices()
        self._instruments: dict[str, Instrument] = {}
        self._through = self._told = self._untold = 0
        self._has_begun = False
        self._problem = ""
        self._stopped = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def instance(self) -> str:
        return self._instance

    async def start(self) -> None:
        await self._broker.connect()
        self._tasks.spawn(self._follow(), "reports")

    async def stop(self) -> None:
        if self._stopped:
            return
        self._stopped = True
        await self._tasks.stop()
        await self._broker.close()

    def health(self) -> Health:
        figures: Figures = {
            "report_sequence": self._through,
            "updates": self._told,
            "untold": self._untold,
            "working": len(self._register.working),
            "in_doubt": len(self._register.in_doubt),
        }
        problem = self._problem
        return Health(status="UNHEALTHY" if problem else "ACTIVE", ready=not problem, reason=problem, figures=figures)

    async def _follow(self) -> None:
        while True:
            try:
                if not self._has_begun:
                    self._through, self._has_begun = await self._before_the_last_two_days(), True
                async for report in self._broker.reports(self._through):
                    await self._take(report)
                    self._through = report.sequence
                    self._problem = ""
            except TradepitError as error:
                self._problem = str(error)[:200]
                logger.warning("{}: follows again: {}", self._instance, error)
            await self._clock.sleep(_AGAIN_S)

    async def _before_the_last_two_days(self) -> int:
        """The number of the report before the first one of the newest two trading days."""
        last, before = await self._broker.last_report(), dict[int, int]()
        if not last:
            return 0
        async for report in self._broker.reports(0):
            before.setdefault(report.trading_day, report.sequence - 1)
            if report.sequence >= last:
                break
        return min(before[day] for day in sorted(before)[-2:])

    async def _take(self, report: Report) -> None:
        try:
            await self._meet(report)
        except TradepitError:
            raise
        except Exception as error:  # noqa: BLE001 - one report must not make the monitor deaf for all that follow
            logger.opt(exception=error).error("{}: report {} cannot be told", self._instance, report.sequence)
            self._untold += 1

    async def _meet(self, report: Report) -> None:
        if isinstance(report, DayReport):
            self._prices.forget_before(report.settled_day)
        elif isinstance(report, TradeReport):
            if report.trade.account == self._settings.broker_account:
                self._prices.add(report.trade.client_order_id, report.trade)
        elif report.order.intent.account != self._settings.broker_account:
            return
        elif self._register.is_new(report):
            await self._tell(report)
            return
        self._register.apply(facts.ReportApplied(time_ns=report.time_ns, report=report))

    async def _tell(self, report: OrderReport) -> None:
        # The register judges once the update is in the queue: what could not be told is still news when it comes again.
        order = report.order
        instrument = await self._instrument(order)
        if instrument is None:
            logger.error("{}: the broker reports an order in {}, which it does not list", self._instance, order.intent.symbol)
            self._untold += 1
            return
        price = self._prices.of(order.client_order_id, instrument, order.traded_lots)
        update = order_update(
            order,
            instrument,
            portfolio_id=self._settings.portfolio_id,
            trade_price=price,
            now_ns=self._clock.now_ns(),
        )
        await self._bus.publish(self._updates, encode(update))
        self._told += 1
        self._register.apply(facts.ReportApplied(time_ns=report.time_ns, report=report))

    async def _instrument(self, order: Order) -> Instrument | None:
        symbol = order.intent.symbol
        if symbol not in self._instruments:
            listing = await self._broker.find(symbol)
            if listing is not None:
                self._instruments[symbol] = listing.instrument
        return self._instruments.get(symbol)
