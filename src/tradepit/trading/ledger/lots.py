"""The lots of one account in one contract on one side: first in first out, today's apart from history."""

from collections import deque

import msgspec


class Lot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``lots`` opened at ``price_ticks`` on trading day ``opened_day`` (YYYYMMDD)."""

    price_ticks: int
    lots: int
    opened_day: int


class Lots:
    """Two queues (history, today) and their running integer sums, so that no question needs a walk over the lots.

    ``sign`` is +1 for long and -1 for short. ``*_ticks`` are sums of open price in ticks times lots.
    ``fee_today_lots`` is the parallel fee ledger of CFFEX: lots opened today that no close has paid the close-today fee for.
    ``frozen_lots`` are held by working close orders in all, ``frozen_today_lots`` those held in today's bucket by name.
    """

    __slots__ = (
        "fee_today_lots",
        "frozen_lots",
        "frozen_today_lots",
        "history",
        "history_lots",
        "history_ticks",
        "sign",
        "today",
        "today_lots",
        "today_ticks",
    )

    def __init__(self, sign: int, history: tuple[Lot, ...] = (), today: tuple[Lot, ...] = (), fee_today_lots: int = 0) -> None:
        self.sign = sign
        self.history = deque(history)
        self.today = deque(today)
        self.history_lots = sum(lot.lots for lot in history)
        self.history_ticks = sum(lot.lots * lot.price_ticks for lot in history)
        self.today_lots = sum(lot.lots for lot in today)
        self.today_ticks = sum(lot.lots * lot.price_ticks for lot in today)
        self.fee_today_lots = fee_today_lots
        self.frozen_lots = 0
        self.frozen_today_lots = 0

    @property
    def total(self) -> int:
        """History and today's lots together."""
        return self.history_lots + self.today_lots

    def open(self, price_ticks: int, lots: int, day: int) -> None:
        """Add ``lots`` opened at ``price_ticks`` on ``day``; equal neighbours share one entry."""
        queue = self.today
        if queue and queue[-1].price_ticks == price_ticks:
            queue[-1] = Lot(price_ticks, queue[-1].lots + lots, day)
        else:
            queue.append(Lot(price_ticks, lots, day))
        self.today_lots += lots
        self.today_ticks += price_ticks * lots
        self.fee_today_lots += lots

    def take_today(self, lots: int) -> int:
        """Remove the first ``lots`` of today; returns their open price times lots, in ticks. There must be as many."""
        ticks = _take(self.today, lots)
        self.today_lots -= lots
        self.today_ticks -= ticks
        return ticks

    def take_history(self, lots: int) -> int:
        """Remove the first ``lots`` of history; returns their open price times lots, in ticks. There must be as many."""
        ticks = _take(self.history, lots)
        self.history_lots -= lots
        self.history_ticks -= ticks
        return ticks

    def pay_today_first(self, lots: int) -> int:
        """How many of ``lots`` being closed pay the close-today fee when fees are charged today first (CFFEX)."""
        paying = min(lots, self.fee_today_lots)
        self.fee_today_lots -= paying
        return paying

    def roll(self) -> None:
        """A new trading day: today's lots become history, behind the older ones; nothing is frozen."""
        self.history.extend(self.today)
        self.today.clear()
        self.history_lots += self.today_lots
        self.history_ticks += self.today_ticks
        self.today_lots = self.today_ticks = self.fee_today_lots = 0
        self.frozen_lots = self.frozen_today_lots = 0


def _take(queue: deque[Lot], lots: int) -> int:
    ticks = 0
    while lots:
        lot = queue[0]
        if lot.lots > lots:
            queue[0] = Lot(lot.price_ticks, lot.lots - lots, lot.opened_day)
            return ticks + lot.price_ticks * lots
        queue.popleft()
        ticks += lot.price_ticks * lot.lots
        lots -= lot.lots
    return ticks
