"""The market of each contract, put together of what SSI tells piece by piece: trades, quotes, limits."""

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec

from tradepit.backends.broker.ssi.depth import MOST_LOTS, names_gone, side_of, standing
from tradepit.backends.broker.ssi.moments import moment_of
from tradepit.backends.broker.ssi.news import News, ToldLimits, ToldQuote, ToldSession, ToldTrade
from tradepit.backends.broker.ssi.phases import ToldPhases
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.instrument import MAX_TICKS, Instrument
from tradepit.trading.model.terms import Exchange, SessionPhase
from tradepit.trading.model.tick import Tick

_MOST_MONEY = Decimal(10) ** 24
_NONE = Decimal(0)


class SsiQuotes:
    """``clock`` is the market's; ``take`` tells the phases what it hears of them. Nothing is shown of a day that is over."""

    def __init__(self, phases: ToldPhases, clock: Clock) -> None:
        self._phases, self._clock = phases, clock
        self._instruments: dict[str, list[Instrument]] = {}
        self._ticks: dict[str, Tick] = {}
        self._heard: set[str] = set()
        # Contracts whose books are told as changes: they stay so until the stream begins anew.
        self._in_changes: set[str] = set()
        self._too_short = False
        self._day = 0

    def begin(self, trading_day: int, contracts: Iterable[tuple[Instrument, str]]) -> None:
        """Contracts, and SSI's name of each, on ``trading_day`` (YYYYMMDD). A new day starts from nothing; on the same what is known stays.

        VN30F1M and what it means today are two contracts of one name.
        """
        if trading_day != self._day:
            self._ticks, self._heard, self._day = {}, set(), trading_day
        self._instruments = {}
        for instrument, name in contracts:
            self._instruments.setdefault(name, []).append(instrument)
            self._ticks.setdefault(instrument.symbol, _nothing(instrument, trading_day))

    def lose(self) -> None:
        """The stream is lost: its books are old from now on, and its sessions nobody's word. What was traded stays true."""
        self._phases.forget()
        self._in_changes.clear()
        self._ticks = {symbol: msgspec.structs.replace(tick, bids=(), asks=()) for symbol, tick in self._ticks.items()}

    def all(self) -> list[Tick]:
        """The markets that were heard of today, as they are now."""
        return [self._shown(tick) for symbol, tick in self._ticks.items() if symbol in self._heard]

    def too_short(self) -> bool:
        """Whether a book has turned out, since this was asked last, to be told as changes: what it told before was taken for the whole."""
        found, self._too_short = self._too_short, False
        return found

    def take(self, news: News) -> list[Tick]:
        """What has become of it: the markets that are new. Raises BadRequest for what cannot be, and changes nothing then."""
        if isinstance(news, ToldSession):
            return self._take_session(news)
        return [tick for instrument in self._instruments.get(news.symbol, ()) for tick in self._take(news, instrument)]

    def _take(self, news: ToldTrade | ToldQuote | ToldLimits, instrument: Instrument) -> list[Tick]:
        tick, now_ns = self._ticks[instrument.symbol], self._clock.now_ns()
        if isinstance(news, ToldLimits):
            changed, told_ns = _limited(tick, news, instrument), tick.time_ns
        else:
            moment = moment_of(news.time, self._day)
            told_ns = moment.nearest(now_ns) if moment is not None else now_ns
            if self._phases.day_of(told_ns) != self._day:
                return []
            changed = _traded(tick, news, instrument) if isinstance(news, ToldTrade) else self._quoted(tick, news, instrument)
        first = not isinstance(news, ToldLimits) and instrument.symbol not in self._heard
        if changed == tick and not first:
            return []
        if first:
            self._heard.add(instrument.symbol)
        return self._keep(changed, told_ns)

    def _quoted(self, tick: Tick, told: ToldQuote, instrument: Instrument) -> Tick:
        changes = instrument.symbol in self._in_changes or names_gone(told.bids) or names_gone(told.asks)
        bids = side_of(told.bids, tick.bids, instrument, rising=False, in_changes=changes)
        asks = side_of(told.asks, tick.asks, instrument, rising=True, in_changes=changes)
        if self._phases.phase_of(tick.symbol) is SessionPhase.CONTINUOUS:
            bids, asks = (
                standing(bids, told.bids, told.asks, instrument, rising=False),
                standing(asks, told.asks, told.bids, instrument, rising=True),
            )
        if changes and instrument.symbol not in self._in_changes:
            self._in_changes.add(instrument.symbol)
            self._too_short = True
        return msgspec.structs.replace(tick, bids=bids, asks=asks)

    def _take_session(self, told: ToldSession) -> list[Tick]:
        now_ns = self._clock.now_ns()
        moment = moment_of(told.time, self._day)
        told_ns = moment.nearest(now_ns) if moment is not None else now_ns
        before = {name: self._phases.phase_of(name) for name in self._ticks}
        for symbol in [each.symbol for each in self._instruments.get(told.symbol, ())] if told.symbol else [""]:
            self._phases.tell(told, symbol, told_ns)
        changed = [tick for name, tick in self._ticks.items() if self._phases.phase_of(name) is not before[name]]
        return [tick for each in changed for tick in self._keep(each, told_ns)]

    def _keep(self, tick: Tick, told_ns: int) -> list[Tick]:
        """The tick as it is told, if its market has been heard of. SSI's times are whole seconds: what comes later in one is later."""
        kept = msgspec.structs.replace(tick, time_ns=max(told_ns, self._ticks[tick.symbol].time_ns + 1))
        self._ticks[tick.symbol] = kept
        return [self._shown(kept)] if tick.symbol in self._heard else []

    def _shown(self, tick: Tick) -> Tick:
        phase = self._phases.phase_of(tick.symbol)
        return tick if phase is tick.phase else msgspec.structs.replace(tick, phase=phase)


def limits_of(told: ToldLimits, instrument: Instrument) -> tuple[int, int]:
    """The day's lowest and highest tick: those told, rounded inward, or where none are told those of the product's rule."""
    if told.floor <= 0 or told.ceiling <= 0:
        return instrument.price_band(told.reference)
    step = instrument.product.tick_size
    low = int((told.floor / step).to_integral_value(rounding=ROUND_CEILING))
    return low, int((told.ceiling / step).to_integral_value(rounding=ROUND_FLOOR))


def _nothing(instrument: Instrument, trading_day: int) -> Tick:
    return Tick(
        symbol=instrument.symbol,
        exchange=Exchange.HNX,
        time_ns=0,
        trading_day=trading_day,
        last_ticks=0,
        volume_lots=0,
        turnover=_NONE,
        open_interest=0,
        open_ticks=0,
        high_ticks=0,
        low_ticks=0,
        upper_limit_ticks=0,
        lower_limit_ticks=0,
        pre_close_ticks=0,
        pre_settlement=_NONE,
    )


def _limited(tick: Tick, told: ToldLimits, instrument: Instrument) -> Tick:
    if told.reference <= 0:
        raise BadRequest("a reference price must be positive", symbol=instrument.symbol)
    low, high = limits_of(told, instrument)
    if not 0 < low <= high <= MAX_TICKS:
        raise BadRequest("limits out of range", symbol=instrument.symbol)
    return msgspec.structs.replace(tick, lower_limit_ticks=low, upper_limit_ticks=high, pre_settlement=told.reference)


def _traded(tick: Tick, told: ToldTrade, instrument: Instrument) -> Tick:
    """The tick after a trade. One that was overtaken, as the day's volume shows, moves nothing back."""
    if not 0 <= told.volume <= MOST_LOTS:
        raise BadRequest("volume out of range", symbol=instrument.symbol)
    if told.volume < tick.volume_lots:
        return tick
    last, ticks = _ticks(told.last, instrument), [_ticks(price, instrument) for price in (told.open, told.high, told.low)]
    opened, high, low = ticks
    return msgspec.structs.replace(
        tick,
        last_ticks=last or tick.last_ticks,
        volume_lots=told.volume,
        turnover=_turnover(told, tick, instrument) or tick.turnover,
        open_ticks=opened or tick.open_ticks,
        high_ticks=max(high, tick.high_ticks, last),
        low_ticks=min(price for price in (low, tick.low_ticks, last) if price) if low or tick.low_ticks or last else 0,
    )


def _ticks(price: Decimal, instrument: Instrument) -> int:
    """Integer ticks; 0 for no price. Raises BadRequest and its kin for one that is off the tick or out of range."""
    return instrument.to_ticks(price) if price else 0


def _turnover(told: ToldTrade, tick: Tick, instrument: Instrument) -> Decimal:
    """The day's turnover in VND: SSI's own, or average price times volume, with the average in points or in VND a contract."""
    if told.turnover:
        if not 0 < told.turnover < _MOST_MONEY:
            raise BadRequest("turnover out of range", symbol=instrument.symbol)
        return told.turnover
    size = instrument.product.multiplier
    low, high = instrument.to_price(tick.lower_limit_ticks), instrument.to_price(tick.upper_limit_ticks)
    # No average lies outside the day's limits, so which of the two it is can be seen.
    found = [points for points in (told.average, told.average / size) if 0 < low <= points <= high]
    return (found[0] * size * told.volume).quantize(Decimal(1)) if found else _NONE
