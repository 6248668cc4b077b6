"""What a real broker has reported, as the gateway answers for it: the newest reports in memory, the older ones from the broker's journal."""

import asyncio
from collections import deque
from itertools import islice

from tradepit.ports.broker import Broker
from tradepit.trading.model.order import Order
from tradepit.trading.model.report import DayReport, OrderReport, Report
from tradepit.wire.gateway import encode

KEPT = 10_000


class BrokerReports:
    """``take`` is given every report in order, from the first. Orders are those of this trading day and the one before.

    ``last`` is the newest number there is, ``trading_day`` that report's day (YYYYMMDD, 0 before the first).
    """

    def __init__(self, broker: Broker, *, keep: int = KEPT) -> None:
        self._broker = broker
        self._records: deque[tuple[Report, bytes]] = deque(maxlen=keep)
        self._orders: dict[str, dict[str, tuple[Order, int]]] = {}
        self._news = asyncio.Event()
        self.last = self.trading_day = 0

    def take(self, report: Report) -> bytes:
        """The next report; its JSON."""
        record = encode(report)
        self._records.append((report, record))
        self.last, self.trading_day = report.sequence, report.trading_day
        if isinstance(report, DayReport):
            self._forget_before(report.settled_day)
        elif isinstance(report, OrderReport):
            intent = report.order.intent
            self._orders.setdefault(intent.account, {})[intent.client_order_id] = report.order, report.trading_day
        self._news.set()
        self._news = asyncio.Event()
        return record

    async def wait(self, number: int) -> None:
        """Wait until report ``number`` has come."""
        while self.last < number:
            await self._news.wait()

    async def after(self, number: int, limit: int) -> list[tuple[Report, bytes]]:
        """Reports above ``number``, in order, at most ``limit``, with their JSON. Raises Unavailable."""
        first = self._records[0][0].sequence if self._records else self.last + 1
        if number + 1 >= first:
            begin = number + 1 - first
            return list(islice(self._records, begin, begin + limit))
        found: list[tuple[Report, bytes]] = []
        async for report in self._broker.reports(number):
            found.append((report, encode(report)))
            if len(found) >= limit or report.sequence >= self.last:
                break
        return found

    def orders(self, account: str, *, active_only: bool) -> list[Order]:
        """An account's orders, in the order in which they were first told."""
        return [order for order, _ in self._orders.get(account, {}).values() if order.active or not active_only]

    def _forget_before(self, day: int) -> None:
        for account, orders in self._orders.items():
            self._orders[account] = {name: told for name, told in orders.items() if told[0].active or told[1] >= day}
