"""The reports: rows are fetched from the store, which is left as it is, made into one sheet, and written."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path

from tradepit.cli.exits import Exit
from tradepit.cli.loop import run
from tradepit.cli.report_sheets import By, Sheet, executions_sheet, pnl_sheet, settlement_sheet
from tradepit.cli.report_write import Form, check_form, write
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.ports.market_records import MarketRecords
from tradepit.ports.trading_records import Choice, TradingRecords
from tradepit.trading.model.errors import BadRequest

_FIRST_DAY, _LAST_DAY = 19_000_101, 99_991_231
Find = Callable[[TradingRecords, MarketRecords], Awaitable[Sheet]]


def run_pnl(settings: Settings, by: By, choice: Choice, form: Form, out: Path | None) -> int:
    """Raises BadRequest, ConfigError, Unavailable."""

    async def find(records: TradingRecords, market: MarketRecords) -> Sheet:
        rows = await records.pnl(choice)
        prices: dict[str, Decimal] = {}
        for symbol in sorted({row.symbol for row in rows if not row.settled and row.lots}):
            newest = await market.latest(symbol)
            if newest is not None:
                prices[symbol] = newest.price
        return pnl_sheet(rows, by, prices)

    return _report(settings, find, choice, form, out)


def run_settlement(settings: Settings, account: str, day: int, form: Form, out: Path | None) -> int:
    """Raises BadRequest where there is no such statement, ConfigError, Unavailable."""

    async def find(records: TradingRecords, market: MarketRecords) -> Sheet:
        del market
        statement = await records.statement(account, day)
        if statement is None:
            known = await records.statement_days(account)
            raise BadRequest("there is no statement of that day", account=account, day=day, known=", ".join(map(str, known[-5:])))
        return settlement_sheet(statement)

    return _report(settings, find, Choice(account=account, first_day=day), form, out)


def run_executions(settings: Settings, choice: Choice, form: Form, out: Path | None) -> int:
    """Raises BadRequest, ConfigError, Unavailable."""

    async def find(records: TradingRecords, market: MarketRecords) -> Sheet:
        del market
        return executions_sheet(await records.executions(choice))

    return _report(settings, find, choice, form, out)


def _report(settings: Settings, find: Find, choice: Choice, form: Form, out: Path | None) -> int:
    check_form(form, out)
    for day in (choice.first_day, choice.last_day):
        if day and not _FIRST_DAY <= day <= _LAST_DAY:
            raise BadRequest("a trading day is YYYYMMDD", day=day)
    write(run(_find(Wiring(settings, process="report"), find)), form, out)
    return int(Exit.OK)


async def _find(wiring: Wiring, find: Find) -> Sheet:
    async with AsyncExitStack() as stack:
        records, market = wiring.trading_records(migrates=False), wiring.market_records(migrates=False)
        for each in (records, market):
            stack.push_async_callback(each.close)
            await each.connect()
        return await find(records, market)
