"""What rules have to tell of orders that pass: journaled with the acceptance, without a say in it."""

from typing import ClassVar

from tests.order_path import an_intent, instrument

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule


class Talks(Rule, frozen=True, kw_only=True):
    """Has something to tell of large orders."""

    name: ClassVar[str] = "talks"

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:
        return None

    def remark(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:
        if intent.volume_lots == 99:
            raise ZeroDivisionError
        return self.refuse("LARGE", limit=3, value=intent.volume_lots, message="large") if intent.volume_lots > 3 else None


class Silent(Talks, frozen=True, kw_only=True):
    """Refuses everything."""

    name: ClassVar[str] = "silent"

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:
        return self.refuse("NO", limit=0, value=1, message="no")


def decided(desk: OrderDesk, lots: int) -> list[facts.Fact]:
    _, news = desk.decide(an_intent(lots, lots=lots, bot="b1"), 5, 1)
    return list(news)


def test_a_remark_is_journaled_with_the_acceptance() -> None:
    desk = OrderDesk([Talks()])
    desk.apply(facts.InstrumentKnown(time_ns=0, instrument=instrument(), reference="3900"))
    desk.apply(facts.AccountKnown(time_ns=0, account="A1", equity="1"))
    accepted, remarked, sending = decided(desk, 5)
    assert isinstance(remarked, facts.OrderRemarked)
    assert (remarked.rule, remarked.code, remarked.limit, remarked.value, remarked.bot, remarked.client_order_id) == (
        "talks", "LARGE", "3", "5", "b1", "c5",
    )  # fmt: skip
    assert [type(accepted), type(sending)] == [facts.OrderAccepted, facts.OrderSending]
    for fact in (accepted, remarked, sending):
        desk.apply(fact)
    assert [type(fact) for fact in decided(desk, 2)] == [facts.OrderAccepted, facts.OrderSending]


def test_a_remark_that_fails_stops_nothing_and_a_refused_order_has_none() -> None:
    assert [type(fact) for fact in decided(OrderDesk([Talks()]), 99)] == [facts.OrderAccepted, facts.OrderSending]
    assert [type(fact) for fact in decided(OrderDesk([Silent()]), 5)] == [facts.OrderRefused]
