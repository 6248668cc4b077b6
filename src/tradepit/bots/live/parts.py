"""What a runner gives each life of a bot."""

from asyncio import Semaphore
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tradepit.bots.live.settings import RunnerSettings
from tradepit.bots.live.shared_past import SharedPast
from tradepit.bots.live.thread import Room
from tradepit.bots.live.warm_up import RecentTicks
from tradepit.ports.clock import Clock
from tradepit.ports.journal import Journal
from tradepit.ports.secrets import Secrets
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.runtime.order_taker import OrderTaker
from tradepit.runtime.report_feed import ReportFeed
from tradepit.trading.calendar.catalog import Catalog

# A thousand bots that all ask at once are answered too late, and ask again.
_BEGIN_TOGETHER = 16


class Outcomes(Protocol):
    """Tells of orders that were refused after they had been taken."""

    async def start(self, on_refusal: Callable[[str, str, str], None]) -> None:
        """Begin; ``on_refusal`` is told account, order id and code. Raises Unavailable."""

    async def stop(self) -> None:
        """End. Idempotent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """``clock`` is the machine's, ``time`` the exchange's. ``journal`` gives a bot's own by name, ``room`` a place to run its code.

    ``secrets`` gives those of a bot's mount (empty: the environment's). ``data`` is the Data API, ``recordings`` has what the market
    recorder wrote, ``intents`` is the file of what is asked of the house; None for none. ``outcomes``: where orders leave as intents,
    who hears what became of them. ``beginnings`` lets only some recover at a time.
    """

    instance: str
    exchange: ExchangeDesk
    taker: OrderTaker
    feed: ReportFeed
    clock: Clock
    time: Clock
    catalog: Catalog
    settings: RunnerSettings
    journal: Callable[[str], Journal]
    room: Callable[[str], Room]
    secrets: Callable[[str], Secrets]
    outcomes: Outcomes | None = None
    beginnings: Semaphore = field(default_factory=lambda: Semaphore(_BEGIN_TOGETHER))
    data: SharedPast | None = None
    recordings: RecentTicks | None = None
    intents: Path | None = None
