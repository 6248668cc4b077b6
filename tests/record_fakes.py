"""Records in memory, which are away when a test says so: for the tests of those who write them."""

from collections.abc import Mapping, Sequence

from tradepit.ports.market_records import KeptTicks, MarketTable, StreamPlace
from tradepit.ports.trading_records import KeptFold, Told
from tradepit.trading.ledger.statement import SettlementStatement
from tradepit.trading.model.errors import JournalConflict, TradepitError, Unavailable
from tradepit.trading.records.bars import Bar
from tradepit.trading.records.rows import RecordBatch, RiskEventRow
from tradepit.trading.records.tick_record import TickRecord, one_of_each


class _Away:
    """``away``: every call fails with it. ``lost``: the next write is done and its answer lost."""

    def __init__(self) -> None:
        self.away: TradepitError | None = None
        self.lost = False
        self.calls = 0

    def check(self) -> None:
        self.calls += 1
        if self.away is not None:
            raise self.away

    def lose(self) -> None:
        if self.lost:
            self.lost = False
            raise Unavailable("the connection broke")

    async def connect(self) -> None:
        self.check()

    async def close(self) -> None:
        """Nothing to close."""


class FakeTradingRecords(_Away):
    """Batches as they were told; a later row of the same key replaces the former."""

    def __init__(self) -> None:
        super().__init__()
        self.progress = Told()
        self.batches: list[RecordBatch] = []
        self.forgotten = 0
        self.folds: list[KeptFold] = []
        self.statements: dict[tuple[str, int], SettlementStatement] = {}
        self.events: dict[str, RiskEventRow] = {}

    @property
    def orders(self) -> dict[str, str]:
        return {row.client_order_id: row.status for batch in self.batches for row in batch.orders.values()}

    async def told(self) -> Told:
        self.check()
        return self.progress

    async def keep(self, news: RecordBatch, told: Told) -> None:
        self.check()
        if self.progress.entry < news.after or self.progress.origin not in ("", told.origin):
            raise JournalConflict(expected=news.after, found=self.progress.entry)
        if self.progress.entry < news.through:
            self.batches.append(news)
            self.progress = told
        self.lose()

    async def forget(self) -> None:
        self.check()
        self.forgotten += 1
        self.progress, self.batches, self.folds = Told(), [], []

    async def keep_fold(self, fold: KeptFold) -> None:
        self.check()
        self.folds.append(fold)

    async def fold(self) -> KeptFold | None:
        self.check()
        return self.folds[-1] if self.folds else None

    async def keep_statements(self, statements: Sequence[SettlementStatement], time_ns: int) -> None:
        self.check()
        self.statements |= {(each.account, each.trading_day): each for each in statements}

    async def statement_days(self, account: str) -> list[int]:
        self.check()
        return sorted(day for owner, day in self.statements if owner == account)

    async def keep_events(self, events: Sequence[RiskEventRow]) -> int:
        self.check()
        new = {event.id: event for event in events if event.id not in self.events}
        self.events |= new
        return len(new)


class FakeMarketRecords(_Away):
    """Ticks by symbol and instant, and where the streams stand."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[tuple[str, int], TickRecord] = {}
        self.stands: dict[str, StreamPlace] = {}
        self.largest = 0
        self.dropped: list[tuple[str, int]] = []
        self.to_drop: dict[str, int] = {}

    async def keep(self, ticks: Sequence[TickRecord], places: Mapping[str, StreamPlace] | None = None) -> KeptTicks:
        self.check()
        told = one_of_each(ticks)
        self.largest = max(self.largest, len(told))
        new = told.keys() - self.rows.keys()
        self.rows |= told
        self.stands |= places or {}
        self.lose()
        return KeptTicks(changed=len(new), unchanged=len(told) - len(new))

    async def keep_bars(self, bars: Sequence[Bar]) -> int:
        self.check()
        return len(bars)

    async def places(self) -> dict[str, StreamPlace]:
        self.check()
        return dict(self.stands)

    async def newest_ns(self) -> int:
        self.check()
        return max((time_ns for _, time_ns in self.rows), default=0)

    async def drop_before(self, table: MarketTable, instant_ns: int) -> int:
        self.check()
        self.dropped.append((table, instant_ns))
        gone, self.to_drop[table] = min(self.to_drop.get(table, 0), 2), max(0, self.to_drop.get(table, 0) - 2)
        return gone

    def volumes(self, symbol: str) -> list[int | None]:
        return [tick.day_volume for (owner, _), tick in sorted(self.rows.items()) if owner == symbol]
