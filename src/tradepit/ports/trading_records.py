"""The records of trading: orders, fills, positions, results, settlements and risk's word as rows, for other programs to query."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from tradepit.ports.store import Tables
from tradepit.trading.ledger.statement import SettlementStatement
from tradepit.trading.records.rows import ExecutionRow, LimitRow, OrderRow, PnlRow, PositionRow, RecordBatch, RiskEventRow

TradingTable = Literal["orders", "risk_events"]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """How far a journal has been told: ``entry`` is the last one, ``mark`` what tells it from another in its place.

    ``origin`` tells the journal from others. All are empty before anything was told.
    """

    entry: int = 0
    mark: str = ""
    origin: str = ""


class KeptFold(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer knew at a place in its journal, so that the next need not read all before it."""

    told: Told
    body: bytes


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows are asked for: what is empty or 0 chooses all. Days are YYYYMMDD, both inclusive."""

    account: str = ""
    bot: str | None = None
    symbol: str = ""
    first_day: int = 0
    last_day: int = 0


class TradingRecords(Tables, Protocol):
    """Rows that name the journal's entry that told them. Reads see what was kept before, from whichever instance.

    After an outage it serves again by itself. Raises Unavailable or TimedOut: it may or may not be kept, so tell it again.
    """

    async def connect(self) -> None:
        """Connect, and bring the tables up to date if the settings allow it. Idempotent.

        Raises Unavailable, and ConfigError when the tables are of another revision and may not be migrated.
        """

    async def told(self) -> Told:
        """How far the journal has been told."""

    async def keep(self, news: RecordBatch, told: Told) -> None:
        """Keep all of it and how far it reaches, or nothing. Rows that a later entry told stay as they are; twice is once.

        Raises JournalConflict when the records do not reach to where the news begin, or are of another journal: nothing is kept.
        """

    async def keep_fold(self, fold: KeptFold) -> None:
        """Keep what a writer knows, in place of the former."""

    async def fold(self) -> KeptFold | None:
        """What was kept so last, None when nothing was."""

    async def keep_statements(self, statements: Sequence[SettlementStatement], time_ns: int) -> None:
        """Keep daily statements; one told again replaces the former. ``time_ns`` is when they were told."""

    async def keep_events(self, events: Sequence[RiskEventRow]) -> int:
        """Keep events that are in no journal, each once by its id; how many were new."""

    async def forget(self) -> None:
        """Empty all rows that the journal tells, and forget how far it was told: it is told again from its beginning.

        Statements and events that are in no journal stay.
        """

    async def order(self, account: str, client_order_id: str) -> OrderRow | None:
        """The newest order under an id."""

    async def orders(self, choice: Choice, *, after: str = "", limit: int = 1_000) -> list[tuple[str, OrderRow]]:
        """Orders with their ids, by id, those after ``after``. Days do not choose."""

    async def executions(self, choice: Choice) -> list[ExecutionRow]:
        """Fills by their instant and id."""

    async def positions(self, choice: Choice) -> list[PositionRow]:
        """Positions by account, bot and symbol, those that hold nothing any more included."""

    async def pnl(self, choice: Choice) -> list[PnlRow]:
        """Results by day, account, bot and symbol."""

    async def statement(self, account: str, trading_day: int) -> SettlementStatement | None:
        """An account's statement of a day, None when there is none."""

    async def statement_days(self, account: str) -> list[int]:
        """The days of which there are statements of an account, oldest first."""

    async def limits(self) -> list[LimitRow]:
        """Limits by scope."""

    async def risk_events(self, *, kind: str = "", limit: int = 1_000) -> list[RiskEventRow]:
        """What risk said, the newest first."""

    async def drop_before(self, table: TradingTable, instant_ns: int) -> int:
        """Drop rows of before an instant, a part of them at a time, finished orders with their fills; how many rows, 0 at the end."""
