"""``tradepit fetch-bars``: bars of a minute from before the house heard the market itself, from its broker into its store."""

from collections.abc import Sequence
from datetime import date, timedelta

from tradepit.cli.exits import Exit
from tradepit.cli.loop import run
from tradepit.cli.output import print_json, print_table
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.ports.market_records import MarketRecords
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.trading.calendar.catalog import Catalog, load_catalog
from tradepit.trading.model.errors import BadRequest

# One question asks SSI's older service, which admits a request a second, for a login and a day.
_PATIENCE_S = 30.0
_MOST_DAYS = 366


def run_fetch(settings: Settings, symbols: Sequence[str], first_day: int, last_day: int, *, json: bool) -> int:
    """Days are YYYYMMDD. Raises BadRequest, CalendarUnknown, ConfigError, InstrumentNotFound, Unavailable; what was kept by then stays kept."""
    days = _days(first_day, last_day)
    told = run(_fetch(Wiring(settings, process="fetch-bars"), symbols, days))
    if json:
        print_json({symbol: {"bars": bars, "new": new} for symbol, bars, new in told})
    else:
        print_table("Bars of a minute", ("contract", "the broker has", "new in the store"), told)
    return int(Exit.OK)


def _days(first_day: int, last_day: int) -> list[date]:
    try:
        first, last = date.fromisoformat(str(first_day)), date.fromisoformat(str(last_day or first_day))
    except ValueError:
        raise BadRequest("days are YYYYMMDD", first=first_day, last=last_day) from None
    count = (last - first).days + 1
    if not 0 < count <= _MOST_DAYS:
        raise BadRequest("the last day comes after the first, within a year of it", first=first_day, last=last_day)
    return [first + timedelta(days=number) for number in range(count)]


async def _fetch(wiring: Wiring, symbols: Sequence[str], days: Sequence[date]) -> list[tuple[str, int, int]]:
    records, bus, catalog = wiring.market_records(), wiring.bus(), load_catalog()
    desk = ExchangeDesk(bus, timeout_s=_PATIENCE_S)
    try:
        await bus.connect()
        await records.connect()
        wanted = symbols or [state.instrument.symbol for state in (await desk.instruments()).instruments]
        return [await _fetch_one(desk, records, catalog, symbol, days) for symbol in wanted]
    finally:
        await records.close()
        await bus.close()


async def _fetch_one(
    desk: ExchangeDesk, records: MarketRecords, catalog: Catalog, symbol: str, days: Sequence[date]
) -> tuple[str, int, int]:
    market = catalog.calendar.days(catalog.product_of(symbol).session_group)
    told = new = 0
    for day in days:
        if market.is_trading_day(day):
            bars = await desk.bars(symbol, day.year * 10_000 + day.month * 100 + day.day)
            told, new = told + len(bars), new + await records.keep_bars(bars)
    return symbol, told, new
