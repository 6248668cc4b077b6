"""What each bot holds and makes day by day, as a fold of trades and settlements: the sum over all bots is the account's."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.report import DayReport
from tradepit.trading.model.terms import Side
from tradepit.trading.model.trade import Trade
from tradepit.trading.orders.bot_books import BotPosition

Owner = tuple[str, str, str]
"""Account, bot (empty: orders of no bot) and contract."""
_PLACES = Decimal("0.0001")


class Holding(msgspec.Struct):
    """One bot in one contract. ``life`` reckons from the prices at which lots were opened, ``day`` from the former settlement.

    Lots are closed at their average cost. ``volume`` and ``fills`` are of the running day.
    """

    instrument: Instrument
    life: BotPosition
    day: BotPosition
    volume: int = 0
    fills: int = 0

    @property
    def stirs(self) -> bool:
        """True while the day has something to tell of it."""
        return bool(self.day.lots or self.fills)


class DayOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """A holding's result of a trading day; ``mark_to_market`` is None while the day runs. Money to four decimals, net exact."""

    owner: Owner
    trading_day: int
    realized: Decimal
    mark_to_market: Decimal | None
    fees: Decimal
    volume: int
    fills: int
    lots: int
    day_cost: Decimal

    @property
    def net(self) -> Decimal | None:
        """The day's result after fees."""
        return None if self.mark_to_market is None else self.realized + self.mark_to_market - self.fees


class ResultsState(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of results, as values."""

    trading_day: int
    holdings: list[tuple[Owner, Holding]]
    settled_day: int
    settled: list[DayOutcome]
    prices: dict[str, str]


class DailyResults:
    """By owner. A day's result is what its trades and the lots carried over made against the day's settlement price.

    A contract for which none is told (a broker that does not say) is carried over as it is: its result counts on the day on which it
    is closed. A trade told after its day was settled counts on that day all the same, one of an earlier day on the running one.
    """

    def __init__(self) -> None:
        self.trading_day = 0
        self.holdings: dict[Owner, Holding] = {}
        self._settled_day = 0
        self._settled: dict[Owner, DayOutcome] = {}
        self._prices: Mapping[str, str] = {}

    def to_state(self) -> ResultsState:
        """What ``from_state`` needs; to be read at once, for it changes."""
        return ResultsState(
            trading_day=self.trading_day,
            holdings=list(self.holdings.items()),
            settled_day=self._settled_day,
            settled=list(self._settled.values()),
            prices=dict(self._prices),
        )

    @classmethod
    def from_state(cls, state: ResultsState) -> "DailyResults":
        """Results that go on like those the state was taken of."""
        results = cls()
        results.trading_day, results.holdings = state.trading_day, dict(state.holdings)
        results._settled_day, results._prices = state.settled_day, state.prices
        results._settled = {outcome.owner: outcome for outcome in state.settled}
        return results

    def on_trade(self, trade: Trade, bot: str, instrument: Instrument) -> Iterator[DayOutcome]:
        """Fold a trade, told once; how its day stands after it. One of a new day ends the former one, as far as that was not told."""
        if 0 < self.trading_day < trade.trading_day:
            yield from self._end_day(self.trading_day, trade.trading_day, {})
        yield from self._count(trade, bot, instrument)

    def _count(self, trade: Trade, bot: str, instrument: Instrument) -> Iterator[DayOutcome]:
        owner = (trade.account, bot, trade.symbol)
        holding = self.holdings.get(owner)
        if holding is None:
            holding = self.holdings[owner] = Holding(instrument=instrument, life=BotPosition(), day=BotPosition())
        lots = trade.volume_lots if trade.side is Side.BUY else -trade.volume_lots
        worth, fee = instrument.notional(trade.price_ticks, 1), Decimal(trade.fee)
        holding.life.add(lots, worth)
        holding.life.fees += fee
        if not self.trading_day:
            self.trading_day = trade.trading_day
        price = self._prices.get(trade.symbol) if trade.trading_day == self._settled_day else None
        if price is not None:
            settled_worth = Decimal(price) * instrument.product.multiplier
            holding.day.add(lots, settled_worth)
            yield self._tell_late(owner, lots * (settled_worth - worth), fee, trade.volume_lots)
        else:
            holding.day.add(lots, worth)
            holding.day.fees += fee
            holding.volume += trade.volume_lots
            holding.fills += 1
        yield self._running(owner, holding)

    def on_day(self, report: DayReport) -> Iterator[DayOutcome]:
        """A day was settled: the result of each holding that has one, then what each begins the new day with. Nothing for a day
        known already.
        """
        if report.trading_day > self.trading_day:
            yield from self._end_day(self.trading_day or report.settled_day, report.trading_day, report.settlement_prices)

    def _end_day(self, settled: int, following: int, prices: Mapping[str, str]) -> Iterator[DayOutcome]:
        self._settled, self._prices, self._settled_day, self.trading_day = {}, prices, settled, following
        for owner, holding in sorted(self.holdings.items()):
            price = prices.get(owner[2])
            worth = None if price is None else Decimal(price) * holding.instrument.product.multiplier
            if holding.stirs:
                outcome = self._settled[owner] = _settle(owner, holding, worth, settled)
                yield outcome
            _begin_day(holding)
            if holding.day.lots:
                yield self._running(owner, holding)

    def _running(self, owner: Owner, holding: Holding) -> DayOutcome:
        return DayOutcome(
            owner=owner,
            trading_day=self.trading_day,
            realized=money(holding.day.realized),
            mark_to_market=None,
            fees=holding.day.fees,
            volume=holding.volume,
            fills=holding.fills,
            lots=holding.day.lots,
            day_cost=money(holding.day.open_cost),
        )

    def _tell_late(self, owner: Owner, gain: Decimal, fee: Decimal, lots: int) -> DayOutcome:
        before = self._settled.get(owner) or DayOutcome(
            owner=owner,
            trading_day=self._settled_day,
            realized=Decimal(0),
            mark_to_market=Decimal(0),
            fees=Decimal(0),
            volume=0,
            fills=0,
            lots=0,
            day_cost=Decimal(0),
        )
        held = self.holdings[owner].day
        told = self._settled[owner] = msgspec.structs.replace(
            before,
            mark_to_market=money((before.mark_to_market or Decimal(0)) + gain),
            fees=before.fees + fee,
            volume=before.volume + lots,
            fills=before.fills + 1,
            lots=held.lots,
            day_cost=money(held.open_cost),
        )
        return told


def money(amount: Decimal) -> Decimal:
    """An amount to four decimals: what divisions by lots leave behind them is no money."""
    return amount.quantize(_PLACES)


def _settle(owner: Owner, holding: Holding, worth: Decimal | None, settled: int) -> DayOutcome:
    """The day's result at the settlement price; lots are worth that from now on, and gone where the contract has expired."""
    day, life = holding.day, holding.life
    gain = day.unrealized(worth) if worth is not None else Decimal(0)
    realized, total = money(day.realized), money(day.realized + gain)
    expired = worth is not None and _day_of(holding.instrument) <= settled
    if worth is not None:
        day.open_cost = day.lots * worth
    if expired and worth is not None:
        life.realized += life.unrealized(worth)
        day.lots = life.lots = 0
        day.open_cost = life.open_cost = Decimal(0)
        realized = total
    return DayOutcome(
        owner=owner,
        trading_day=settled,
        realized=realized,
        mark_to_market=total - realized,
        fees=day.fees,
        volume=holding.volume,
        fills=holding.fills,
        lots=day.lots,
        day_cost=money(day.open_cost),
    )


def _begin_day(holding: Holding) -> None:
    holding.day.realized = holding.day.fees = Decimal(0)
    holding.volume = holding.fills = 0


def _day_of(instrument: Instrument) -> int:
    return instrument.expiry.year * 10_000 + instrument.expiry.month * 100 + instrument.expiry.day
