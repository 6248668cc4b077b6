"""A recorded session gives the same fills, and what differs is shown one by one."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.bot_market import quoted
from tests.bot_stage import START_NS, instrument

from tradepit.bots.backtest.parity import Parity, Session, compare
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.matching import commands
from tradepit.trading.matching.venue import Venue
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.model.terms import Exchange, Offset, OrderType, Side
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.risk.rules import load_rules


class Live:
    """A house in small: a desk and an exchange which write down what they were told, as journals do."""

    def __init__(self, risk: dict[str, Any]) -> None:
        self.commands: list[commands.Stamped] = []
        self.facts: list[facts.Fact] = []
        self.reports: list[Report] = []
        self._venue = Venue(VenueSettings(), calendar=load_calendar())
        self._desk = OrderDesk(load_rules(risk))
        listed = instrument("IF2501")
        self.tell(commands.ListInstrument(instrument=listed, reference=Decimal(4500)), START_NS)
        self.fold(facts.InstrumentKnown(time_ns=START_NS, instrument=listed, reference="4500"))
        self.tell(commands.OpenAccount(account="A1", deposit=Decimal(10_000_000)), START_NS)
        self.fold(facts.AccountKnown(time_ns=START_NS, account="A1", equity="10000000"))

    def tell(self, command: commands.Command, now_ns: int) -> None:
        self.commands.append(commands.Stamped(now_ns=now_ns, command=command))
        for event in self._venue.apply(command, now_ns):
            if isinstance(event, OrderReport | TradeReport | DayReport):
                self.reports.append(event)
                self.fold(facts.ReportApplied(time_ns=now_ns, report=event))

    def fold(self, fact: facts.Fact) -> None:
        self.facts.append(fact)
        self._desk.apply(fact)

    def order(self, number: int, side: Side, price_ticks: int, lots: int, now_ns: int) -> None:
        intent = OrderIntent(
            client_order_id=f"O{number}",
            account="A1",
            symbol="IF2501",
            exchange=Exchange.CFFEX,
            side=side,
            offset=Offset.OPEN,
            order_type=OrderType.LIMIT,
            price_ticks=price_ticks,
            volume_lots=lots,
        )
        approved, news = self._desk.decide(intent, now_ns, 1)
        for fact in news:
            self.fold(fact)
        if approved is not None:
            self.tell(commands.SubmitOrder(intent=intent), now_ns + 1_000_000)

    def run(self) -> None:
        for number, tick in enumerate(quoted([22500 + step % 5 for step in range(20)])):
            self.tell(commands.ApplyTick(tick=tick), tick.time_ns)
            self._desk.exposure.on_tick(tick)
            side = Side.BUY if number % 2 else Side.SELL
            self.order(number, side, 22500 + number % 4, 1 + number % 3, tick.time_ns + 1000)


@pytest.fixture(scope="module")
def live() -> Live:
    house = Live(_RISK)
    house.run()
    return house


_RISK: dict[str, Any] = {"position_limit": {"max_long": 6, "max_short": 6}}


def _replayed(live: Live, reports: list[Report] | None = None, risk: dict[str, Any] | None = None) -> Parity:
    session = Session(VenueSettings(), load_calendar(), load_rules(_RISK if risk is None else risk), live.facts)
    session.play(live.commands)
    return compare(session, live.reports if reports is None else reports)


def test_the_same_session_gives_the_same_fills_and_verdicts(live: Live) -> None:
    parity = _replayed(live)
    assert parity.same
    assert parity.verdicts == []
    assert parity.fills > 5
    assert parity.refused > 0
    assert (parity.ticks, parity.unreviewed) == (20, 0)
    assert parity.orders + parity.refused == 20


def test_a_fill_that_was_another_live_is_shown_and_one_that_is_missing_too(live: Live) -> None:
    trades = [report for report in live.reports if isinstance(report, TradeReport)]
    bent = msgspec.structs.replace(trades[0], trade=msgspec.structs.replace(trades[0].trade, price_ticks=1))
    parity = _replayed(live, [bent, *trades[1:-1]])
    assert not parity.same
    assert [(one.number, one.live is None, one.replayed is None) for one in parity.differences] == [
        (1, False, False),
        (len(trades), True, False),
    ]


def test_other_limits_give_other_verdicts_which_are_shown_beside_the_fills(live: Live) -> None:
    parity = _replayed(live, risk={"position_limit": {"max_long": 0, "max_short": 0}})
    assert {verdict.replayed for verdict in parity.verdicts} == {"POSITION_LIMIT"}
    assert sum(not verdict.live for verdict in parity.verdicts) == parity.orders
    assert parity.same


def test_an_order_that_went_to_the_exchange_past_order_management_is_played_too(live: Live) -> None:
    past = Live(_RISK)
    intent = next(told.command.intent for told in live.commands if isinstance(told.command, commands.SubmitOrder))
    past.tell(commands.ApplyTick(tick=quoted([22500])[0]), START_NS)
    past.tell(commands.SubmitOrder(intent=intent), START_NS + 1)
    parity = _replayed(past)
    assert (parity.unreviewed, parity.orders, parity.same) == (1, 1, True)
