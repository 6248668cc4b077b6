"""DiffFront: the service that lets an unmodified TqSDK trade on the house's exchange."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec

from tradepit.ports.bus import Bus
from tradepit.ports.clock import Clock
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.runtime.order_client import OrderClient
from tradepit.runtime.service import Health
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.ledger.rules import FreezePrice
from tradepit.trading.model.errors import CalendarUnknown, ConfigError
from tradepit.web.diff.access import Access, Caller
from tradepit.web.diff.conversation import Party
from tradepit.web.diff.market import Market
from tradepit.web.diff.market_session import MarketSession
from tradepit.web.diff.order_desk import OrderDesk
from tradepit.web.diff.routes import Doors, make_app
from tradepit.web.diff.trade_session import TradeSession
from tradepit.web.diff.trading_desk import TradingDesk
from tradepit.web.host_guard import LOOPBACK
from tradepit.web.http_door import HttpDoor
from tradepit.wire.simulator import DIFF_FRONT

_GROUP = "cn_day"
_YEARS = range(2000, 2100)


class FrontSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the front listens (``port`` 0: any free one), who may log in, and what a new account starts with.

    ``history`` is a file or folder of recorded ticks for charts, ``intents`` the file of what is asked of the house.
    ``open_with`` None: only accounts that are open already.
    ``users`` empty: anybody who reaches the door, under any name.
    """

    host: str = "127.0.0.1"
    port: int = 7788
    users: dict[str, str] = {}
    open_with: Decimal | None = Decimal(10_000_000)
    history: Path = Path("recordings")
    intents: Path | None = None
    freeze: FreezePrice = FreezePrice.PRE_SETTLEMENT


class DiffFront:
    """A client of the house like any other: it keeps nothing that the exchange and order management do not keep.

    ``time`` is the exchange's. Raises ConfigError for a door that others could reach and that has no users.
    """

    def __init__(
        self, bus: Bus, clock: Clock, time: Clock, catalog: Catalog, client: OrderClient, settings: FrontSettings, instance: str
    ) -> None:
        if settings.host.lower() not in LOOPBACK and not settings.users:
            raise ConfigError("a DIFF front that other machines can reach needs users with passwords", host=settings.host)
        self._instance, self._clock, self._catalog = instance, clock, catalog
        self._access = Access(settings.users)
        self._market = Market(bus, clock, time, catalog, settings.history)
        self._desk = TradingDesk(bus, clock, self._market, catalog.calendar, open_with=settings.open_with, freeze=settings.freeze)
        self._orders = OrderDesk(client, ExchangeDesk(bus), clock, time, self._market, settings.intents)
        self._desk.on_loaded = self._orders.recall
        self._sessions = 0
        doors = Doors(
            access=self._access,
            market=self._market_party,
            trade=self._trade_party,
            contracts=self._market.contracts,
            holidays=self._holidays,
            mains=self._market.service.mains,
        )
        self._door = HttpDoor(
            instance, make_app(doors), settings.host, settings.port, websockets=True, asks_who=bool(settings.users)
        )
        self._started = False

    @property
    def name(self) -> str:
        return DIFF_FRONT

    @property
    def instance(self) -> str:
        return self._instance

    @property
    def url(self) -> str:
        """Where it answers, empty before it was started."""
        return self._door.url

    async def start(self) -> None:
        """Listen to the house, then open the door. Raises Unavailable when the port is taken."""
        if self._started:
            return
        self._started = True
        await self._market.start()
        await self._desk.start()
        self._orders.start()
        await self._door.start()

    async def stop(self) -> None:
        """Close the door (clients are told to come again), then stop listening. Idempotent."""
        self._started = False
        await self._door.stop()
        await self._orders.stop()
        await self._desk.stop()
        await self._market.stop()

    def health(self) -> Health:
        """Ready once the exchange has told its contracts."""
        feed = self._desk.feed
        figures: dict[str, str | int | float | bool] = {
            **self._door.figures,
            "sessions": self._sessions,
            "users": self._desk.users,
            "ticks": self._market.ticks,
            "reports": feed.taken,
            "report_gaps": feed.gaps,
            "orders": self._orders.sent,
            "orders_refused": self._orders.refused,
            "orders_repeated": self._orders.repeated,
        }
        if not self._started:
            return Health(status="STANDBY", ready=False, reason="not started", figures=figures)
        if not self._door.serving:
            return Health(status="UNHEALTHY", ready=False, reason="the HTTP server has ended", figures=figures)
        reason = "" if self._market.ready else "the exchange has not told its contracts"
        return Health(ready=self._market.ready, reason=reason, figures=figures)

    def _market_party(self, caller: Caller) -> Party:
        del caller
        return self._counted(MarketSession(self._market, self._market.charts))

    def _trade_party(self, caller: Caller) -> Party:
        return self._counted(TradeSession(self._desk, self._orders, self._access, self._clock, caller))

    def _counted(self, party: Party) -> Party:
        self._sessions += 1
        return party

    def _holidays(self) -> list[str]:
        days = self._catalog.calendar.days(_GROUP)
        return [day.isoformat() for year in _YEARS for day in _weekdays(year) if _closed(days.is_trading_day, day)]


def _weekdays(year: int) -> list[date]:
    first = date(year, 1, 1)
    every = (first + timedelta(days=number) for number in range(366))
    return [day for day in every if day.year == year and day.weekday() < 5]


def _closed(is_trading_day: Callable[[date], bool], day: date) -> bool:
    try:
        return not is_trading_day(day)
    except CalendarUnknown:
        return False
