"""What bots are told of each fact."""

from collections.abc import Sequence

from msgspec.structs import replace
from tests.order_path import DAY, an_intent, instrument
from tests.unit.orders.test_register import a_trade, an_order

from tradepit.services.order_outcomes import OrderOutcomes
from tradepit.trading.model.order import Order
from tradepit.trading.model.report import OrderReport, TradeReport
from tradepit.trading.model.terms import OrderStatus, TradingState
from tradepit.trading.orders import events as facts
from tradepit.wire import platform as wire

INTENT = an_intent(bot="b1", sequence=4)
KEY = {"account": "A1", "client_order_id": "c1"}


def outcomes() -> OrderOutcomes:
    made = OrderOutcomes()
    tell(made, facts.InstrumentKnown(time_ns=0, instrument=instrument(), reference="3900"))
    tell(made, facts.AccountKnown(time_ns=0, account="A1", equity="1"), facts.AccountKnown(time_ns=0, account="A2", equity="1"))
    return made


def tell(made: OrderOutcomes, *entry: facts.Fact) -> list[tuple[str, wire.OrderEvent | wire.RiskAlert]]:
    return list(made.of(entry))


def events(told: Sequence[tuple[str, wire.OrderEvent | wire.RiskAlert]]) -> list[wire.Happened]:
    return [message.event for topic, message in told if isinstance(message, wire.OrderEvent) and topic.endswith(".A1.b1")]


def of_order(status: OrderStatus, traded: int = 0, reason: str = "") -> facts.Fact:
    order = replace(an_order(status, traded), intent=INTENT, reason=reason)
    return facts.ReportApplied(time_ns=9_000_000, report=OrderReport(sequence=0, time_ns=1, trading_day=DAY, order=order))


def of_trade(number: int, lots: int) -> facts.Fact:
    return facts.ReportApplied(time_ns=9, report=TradeReport(sequence=0, time_ns=1, trading_day=DAY, trade=a_trade(number, lots)))


def accept(made: OrderOutcomes) -> list[wire.Happened]:
    sending = facts.OrderSending(time_ns=5_000_000, epoch=1, **KEY)
    return events(tell(made, facts.OrderAccepted(time_ns=5, intent=INTENT), sending))


def test_an_order_is_acknowledged_filled_and_its_rest_cancelled_once() -> None:
    made = outcomes()
    [ack] = accept(made)
    assert isinstance(ack, wire.OrderIntentAck)
    assert (ack.intent_id, ack.received_at_ns) == ("c1", 5)
    assert tell(made, of_order(OrderStatus.OPEN)) == []
    told = events(tell(made, of_trade(1, 2), of_trade(1, 2), of_order(OrderStatus.PARTIAL, 2), of_trade(2, 1)))
    fills = [each for each in told if isinstance(each, wire.ExecutionFill)]
    assert [(each.filled_quantity, each.remaining_quantity) for each in fills] == [(2, 3), (1, 2)]
    assert tell(made, facts.CancelRequested(time_ns=9, **KEY)) == []
    [cancel] = events(tell(made, of_order(OrderStatus.CANCELLED, 3), of_order(OrderStatus.CANCELLED, 3)))
    assert isinstance(cancel, wire.OrderCancel)
    assert cancel.initiated_by is wire.Initiator.BOT
    assert (made.submitted, made.fills, made.latency.percentiles()[0]) == (1, 2, 4_000.0)
    assert [(key, each.lots) for key, each in made.books.positions.items()] == [(("A1", "b1", "IF2501"), 3)]


def test_a_broker_that_does_not_answer_is_counted() -> None:
    made = outcomes()
    accept(made)
    assert tell(made, facts.OrderUnknown(time_ns=9, reason="TIMEOUT", **KEY)) == []
    assert made.broker_errors == 1


def test_who_cancelled_is_told() -> None:
    for entry, status, who in (
        ((), OrderStatus.CANCELLED, wire.Initiator.BROKER),
        ((), OrderStatus.EXPIRED, wire.Initiator.SYSTEM),
        (
            (
                facts.StateSet(time_ns=1, scope="account:A1", state=TradingState.HALTED, who="w", reason="r"),
                facts.CancelRequested(time_ns=1, **KEY),
            ),
            OrderStatus.CANCELLED,
            wire.Initiator.RISK,
        ),
    ):
        made = outcomes()
        accept(made)
        tell(made, *entry)
        [cancel] = events(tell(made, of_order(status)))
        assert isinstance(cancel, wire.OrderCancel)
        assert cancel.initiated_by is who


def test_refusals_say_who_refused() -> None:
    made = outcomes()
    refusal = facts.OrderRefused(time_ns=7, intent=INTENT, code="LOSS_CAP", rule="daily_loss", limit="1", value="2", message="m")
    told = tell(made, refusal)
    [rejection] = events(told)
    assert isinstance(rejection, wire.OrderRejection)
    assert (rejection.reason, rejection.category) == ("LOSS_CAP", wire.RejectionReason.RISK_LIMIT)
    topic, alert = told[0]
    assert topic == "risk.alerts.account.A1"
    assert isinstance(alert, wire.RiskAlert)
    assert (alert.type, alert.severity, alert.context["limit"]) == (wire.AlertType.LOSS_CAP, wire.Severity.CRITICAL, "1")
    for reason, category in (("NOT_SENT", wire.RejectionReason.TIMEOUT), ("X", wire.RejectionReason.BROKER_REJECT)):
        made = outcomes()
        accept(made)
        [rejection] = events(tell(made, of_order(OrderStatus.REJECTED, reason=reason)))
        assert isinstance(rejection, wire.OrderRejection)
        assert (rejection.reason, rejection.category) == (reason, category)
        assert made.rejected == {reason: 1}


def test_a_state_alarms_those_it_concerns() -> None:
    made = outcomes()
    topics = {
        scope: [topic for topic, _ in tell(made, facts.StateSet(time_ns=1, scope=scope, state=state, who="w", reason="r"))]
        for scope, state in (
            ("account:A2", TradingState.HALTED),
            ("global", TradingState.REDUCING),
            ("bot:b1", TradingState.ACTIVE),
        )
    }
    everybody = ["risk.alerts.account.A1", "risk.alerts.account.A2"]
    assert topics == {"account:A2": ["risk.alerts.account.A2"], "global": everybody, "bot:b1": everybody}


def test_orders_of_no_bot_have_no_events() -> None:
    made = outcomes()
    assert tell(made, facts.OrderAccepted(time_ns=5, intent=an_intent())) == []
    stranger = Order(intent=an_intent("foreign"), status=OrderStatus.CANCELLED)
    report = OrderReport(sequence=0, time_ns=1, trading_day=DAY, order=stranger)
    assert tell(made, facts.ReportApplied(time_ns=1, report=report)) == []


def test_a_warning_is_an_alert() -> None:
    warned = facts.RiskWarned(time_ns=3, account="A1", symbol="IF2501", code="CANCEL_COUNT", what="cancels", value=320, limit=400)
    [(topic, alert)] = tell(outcomes(), warned)
    assert topic == "risk.alerts.account.A1"
    assert isinstance(alert, wire.RiskAlert)
    assert (alert.severity, alert.context["value"], alert.context["limit"]) == (wire.Severity.WARNING, "320", "400")


def test_what_a_rule_has_to_tell_of_an_order_is_an_alert_of_its_bot() -> None:
    remarked = facts.OrderRemarked(
        time_ns=9, account="A1", bot="b1", symbol="IF2501", client_order_id="c1", code="SELF_TRADE", rule="self_trade",
        limit="19500 ticks", value="19501 ticks", message="would meet an own resting order",
    )  # fmt: skip
    [(topic, alert)] = tell(outcomes(), remarked)
    assert topic == "risk.alerts.account.A1"
    assert isinstance(alert, wire.RiskAlert)
    assert (alert.bot_id, alert.severity, alert.context["code"], alert.context["intent_id"]) == (
        "b1", wire.Severity.WARNING, "SELF_TRADE", "c1",
    )  # fmt: skip


def test_lots_that_an_exchange_took_away_are_told_as_cancelled() -> None:
    made = outcomes()
    accept(made)
    tell(made, of_trade(1, 2))
    [cancel] = events(tell(made, of_order(OrderStatus.FILLED, 2)))
    assert isinstance(cancel, wire.OrderCancel)
    assert cancel.initiated_by is wire.Initiator.SYSTEM
