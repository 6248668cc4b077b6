"""A made-up market for backtests: the house's own generator, some minutes of one morning."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from tradepit.bots.backtest.recording import Recording
from tradepit.runtime.day_curve import DayCurve
from tradepit.runtime.tick_generator import TickGenerator
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.tick import Tick

DAY = date(2025, 1, 6)
_REFERENCE_TICKS = 20_000
_CADENCE_NS = 500_000_000
_MOST = 200_000


def generated_recording(symbols: Sequence[str], ticks: int, seed: int, catalog: Catalog) -> Recording:
    """``ticks`` snapshots of each contract, half a trading second apart, from the open of 6 January 2025 on.

    The same seed gives the same market. Raises BadRequest, and what the catalogue raises for contracts it does not know.
    """
    if not 1 <= ticks <= _MOST:
        raise BadRequest("A generated market has so many ticks.", ticks=ticks, most=_MOST)
    found: list[Tick] = []
    instruments: dict[str, Instrument] = {}
    for symbol in dict.fromkeys(symbols):
        instrument = _listed(symbol, catalog)
        instruments[symbol] = instrument
        curve = DayCurve(catalog.calendar.phases(DAY, instrument.product.session_group))
        generator = TickGenerator(
            instrument, instrument.listing_price, seed, trading_day=int(DAY.strftime("%Y%m%d")), curve=curve
        )
        found += [generator.next(curve.instant_ns(number * _CADENCE_NS)) for number in range(ticks)]
    found.sort(key=lambda tick: tick.time_ns)
    return Recording(ticks=found, instruments=instruments, rows=len(found), refused=[])


def _listed(symbol: str, catalog: Catalog) -> Instrument:
    listed = catalog.instrument(symbol, on=DAY, listing_price=Decimal(1_000_000))
    # The catalogue knows no prices: one at which the contract's ticks are as fine as those of most.
    return catalog.instrument(symbol, on=DAY, listing_price=_REFERENCE_TICKS * listed.product.tick_size)
