"""Parity: a recorded session of a live house, played through the backtester's house, must give the same fills one by one."""

from collections import deque
from collections.abc import Iterable

import msgspec

from tradepit.bots.backtest.house import News, VirtualHouse
from tradepit.trading.calendar.trading_calendar import TradingCalendar
from tradepit.trading.matching import commands
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.report import Report, TradeReport
from tradepit.trading.model.tick import Tick
from tradepit.trading.model.trade import Trade
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.risk.rule import Rule

Key = tuple[str, str]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One fill that is not the same. ``number`` counts the exchange's fills from 1; a side is None where it has no such fill."""

    number: int
    live: Trade | None
    replayed: Trade | None


class OtherVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """An order that the review answered differently: the live code (empty: approved) and the replay's.

    A few may: which ticks the desk had seen by then is in no journal, so an order at the edge of a limit or of a session can fall
    to either side. Many mean other rules or other limits than the live ones.
    """

    account: str
    client_order_id: str
    live: str
    replayed: str


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """``fills`` live ones were compared; ``orders`` reached the exchange, ``refused`` were refused by the review.

    ``unreviewed`` orders came to the exchange without order management, and are played without a review too.
    """

    fills: int
    orders: int
    refused: int
    ticks: int
    unreviewed: int
    differences: list[Difference]
    verdicts: list[OtherVerdict]
    digest: str

    @property
    def same(self) -> bool:
        """True when not one fill differs."""
        return not self.differences


class Session:
    """The two machines of the order path, each played what it was told live, in its own order.

    The exchange obeys its recorded commands at its own instants. The desk folds the recorded facts, for what it knew of an order
    when it judged the next one depended on answers that were late or lost; each order is judged anew as of its recorded instant. A
    verdict that differs is noted, and the exchange is told what it was told live.

    ``driven_by_ticks``: recorded ticks were the exchange's time, which is another than order management's then: the desk is shown
    the ticks that the exchange had seen. Else it is shown those of its own instant too, which the exchange may write down later.
    """

    def __init__(
        self,
        venue: VenueSettings,
        calendar: TradingCalendar,
        rules: tuple[Rule, ...],
        order_facts: Iterable[facts.Fact],
        *,
        driven_by_ticks: bool = False,
    ) -> None:
        # What the exchange shows of its book has no influence on what it does.
        settings = msgspec.structs.replace(venue, snapshot_ns=0)
        self.house = VirtualHouse(calendar, (), self._hear, venue=settings)
        self.desk = OrderDesk(rules)
        self.trades: list[Trade] = []
        self.ticks = self.unreviewed = self.refused = 0
        self.sent: set[Key] = set()
        self.verdicts: list[OtherVerdict] = []
        self._facts = deque(order_facts)
        self._feed: deque[Tick] = deque()
        self._tick_ns = 0
        self._driven_by_ticks = driven_by_ticks
        self._accepted = {_key(fact) for fact in self._facts if isinstance(fact, facts.OrderAccepted)}

    def play(self, stamped: Iterable[commands.Stamped]) -> None:
        """All commands in the exchange's order, at the exchange's instants; then what the desk did after the last order."""
        told = list(stamped)
        ticks = [one.command.tick for one in told if isinstance(one.command, commands.ApplyTick)]
        self._feed.extend(sorted(ticks, key=lambda tick: tick.time_ns))
        for one in told:
            self.house.advance(one.now_ns)
            self._play(one.command)
            self.house.advance(one.now_ns)
        self._fold_until(None)

    def _play(self, command: commands.Command) -> None:
        house = self.house
        if isinstance(command, commands.ApplyTick):
            self.ticks += 1
            house.take_tick(command.tick)
            self._tick_ns = max(self._tick_ns, command.tick.time_ns)
        elif isinstance(command, commands.SubmitOrder):
            self._submit(command)
        else:
            house.obey(command)

    def _submit(self, command: commands.SubmitOrder) -> None:
        key = (command.intent.account, command.intent.client_order_id)
        if key not in self.sent:
            self.unreviewed += key not in self._accepted
            if key in self._accepted:
                self._fold_until(key)
        self.sent.add(key)
        self.house.obey(command)

    def _fold_until(self, key: Key | None) -> None:
        """Fold the desk's facts up to the acceptance of this order; all of them for None."""
        while self._facts:
            fact = self._facts.popleft()
            if isinstance(fact, facts.OrderAccepted | facts.OrderRefused):
                self._judge(fact)
            self.desk.apply(fact)
            if isinstance(fact, facts.OrderAccepted) and _key(fact) == key:
                return

    def _judge(self, fact: facts.OrderAccepted | facts.OrderRefused) -> None:
        seen_ns = self._tick_ns if self._driven_by_ticks else max(fact.time_ns, self._tick_ns)
        while self._feed and self._feed[0].time_ns <= seen_ns:
            self.desk.exposure.on_tick(self._feed.popleft())
        live = fact.code if isinstance(fact, facts.OrderRefused) else ""
        approved, news = self.desk.decide(fact.intent, fact.time_ns, 0)
        told = news[0]
        replayed = told.code if approved is None and isinstance(told, facts.OrderRefused) else ""
        self.refused += bool(live)
        if replayed != live:
            account, client_order_id = _key(fact)
            self.verdicts.append(OtherVerdict(account=account, client_order_id=client_order_id, live=live, replayed=replayed))

    def _hear(self, news: News) -> None:
        if isinstance(news, TradeReport):
            self.trades.append(news.trade)


def compare(session: Session, live: Iterable[Report]) -> Parity:
    """The session's fills beside the live ones, in the exchange's order."""
    told = [report.trade for report in live if isinstance(report, TradeReport)]
    differences = []
    for number in range(max(len(told), len(session.trades))):
        one = told[number] if number < len(told) else None
        other = session.trades[number] if number < len(session.trades) else None
        if one != other:
            differences.append(Difference(number=number + 1, live=one, replayed=other))
    return Parity(
        fills=len(told),
        orders=len(session.sent),
        refused=session.refused,
        ticks=session.ticks,
        unreviewed=session.unreviewed,
        differences=differences,
        verdicts=session.verdicts,
        digest=session.house.digest,
    )


def _key(fact: facts.OrderAccepted | facts.OrderRefused) -> Key:
    return fact.intent.account, fact.intent.client_order_id
