"""The Data API as a bot's runner asks it: the newest ticks of a contract, and the contract now."""

from collections.abc import Sequence
from decimal import Decimal

from tradepit.bots.data_door import DataDoor
from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.model.errors import CalendarUnknown, TradepitError, Unavailable
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.tick import Level, Tick
from tradepit.wire.data_api import MOST_ROWS, SNAPSHOT_PATH, TICKS_PATH, Snapshot, TickWindow
from tradepit.wire.simulator_codec import tick_of

_NS = 1_000_000


class DataClient:
    """Blocking: call it in a thread. Raises what the door raises."""

    def __init__(self, url: str, calendar: TradingCalendar, *, timeout_s: float = 5.0) -> None:
        self._door, self._calendar = DataDoor(url, timeout_s=timeout_s), calendar

    def ticks(self, instrument: Instrument, most: int) -> list[Tick]:
        """The ``most`` newest ticks there are, oldest first; as much of each as the hot window holds."""
        found: list[Tick] = []
        end_ms: int | None = None
        while len(found) < most:
            rows = min(most - len(found), MOST_ROWS)
            until = "" if end_ms is None else f"&end_ms={end_ms}"
            window = self._door.ask(f"{TICKS_PATH}/{instrument.symbol}?n={rows}{until}", TickWindow)
            if window is None or not window.time_ms:
                break
            found = self._read(window, instrument) + found
            end_ms = window.time_ms[0] - 1
            if len(window.time_ms) < rows or end_ms < 0:
                break
        return found

    def snapshot(self, instrument: Instrument) -> Tick | None:
        """A contract's newest tick in full, None when nobody knows it."""
        found = self._door.ask(f"{SNAPSHOT_PATH}/{instrument.symbol}", Snapshot)
        try:
            return tick_of(found.tick, instrument) if found is not None else None
        except TradepitError as error:
            raise Unavailable("the Data API's answer cannot be read", cause=str(error)[:200]) from error

    def _read(self, window: TickWindow, instrument: Instrument) -> list[Tick]:
        columns = (window.price, window.volume, window.bid, window.ask, window.bid_lots, window.ask_lots)
        try:
            return [self._tick(time_ms, numbers, instrument) for time_ms, *numbers in zip(window.time_ms, *columns, strict=True)]
        except (TradepitError, ValueError, ArithmeticError) as error:
            raise Unavailable("the Data API's answer cannot be read", cause=str(error)[:200]) from error

    def _tick(self, time_ms: int, numbers: Sequence[float | None], instrument: Instrument) -> Tick:
        price, volume, bid, ask, bid_lots, ask_lots = numbers
        group = instrument.product.session_group
        try:
            day = self._calendar.trading_day_of(time_ms * _NS, group)
            phase = self._calendar.window_at(time_ms * _NS, group).phase
        except CalendarUnknown as error:
            raise Unavailable("the ticks are of a year without a calendar") from error
        return Tick(
            symbol=instrument.symbol,
            exchange=instrument.product.exchange,
            time_ns=time_ms * _NS,
            trading_day=day.year * 10_000 + day.month * 100 + day.day,
            last_ticks=_ticks(price, instrument),
            volume_lots=int(volume or 0),
            turnover=Decimal(0),
            open_interest=0,
            open_ticks=0,
            high_ticks=0,
            low_ticks=0,
            upper_limit_ticks=0,
            lower_limit_ticks=0,
            pre_close_ticks=0,
            pre_settlement=Decimal(0),
            bids=_level(bid, bid_lots, instrument),
            asks=_level(ask, ask_lots, instrument),
            phase=phase,
        )


def _ticks(price: float | None, instrument: Instrument) -> int:
    return instrument.to_ticks(Decimal(repr(price))) if price else 0


def _level(price: float | None, lots: float | None, instrument: Instrument) -> tuple[Level, ...]:
    return (Level(_ticks(price, instrument), int(lots)),) if price and lots else ()
