"""The leader: journal before send, ask instead of sending again, one answer for one id, whatever the broker's line does."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import pytest
from tests.order_path import PRICE, Office, an_intent, away, instrument, lost
from tests.waiting import settle, until

from tradepit.services.order_leader import OrderLeader
from tradepit.trading.model.errors import (
    DuplicateId,
    InstrumentNotFound,
    NotActive,
    OrderNotFound,
    OutcomeUnknown,
    RiskRefused,
    StaleEpoch,
    Unavailable,
    VenueRefused,
    VolumeNotValid,
)
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Offset, OrderStatus, Side, TradingState
from tradepit.trading.orders import events as facts
from tradepit.trading.risk.closable import Closable
from tradepit.trading.risk.rules import load_rules

C1 = ("A1", "c1")


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
async def leader(office: Office) -> AsyncIterator[OrderLeader]:
    made = await office.leader()
    yield made
    await made.stop()


def status(leader: OrderLeader, number: int = 1) -> OrderStatus | None:
    order = leader.desk.register.find("A1", f"c{number}")
    return order.status if order is not None else None


async def test_nothing_is_sent_before_it_is_journaled(office: Office, leader: OrderLeader) -> None:
    seen: list[list[str]] = []
    office.broker.before_submit = lambda intent, epoch: seen.append(office.kinds())
    order = await leader.submit(an_intent())
    assert (order.status, order.order_id) == (OrderStatus.OPEN, "V1")
    assert seen == [["OrderAccepted", "OrderSending"]]


@pytest.mark.parametrize("gathers", [True, False])
async def test_the_next_group_is_held_back_only_where_orders_leave_together(office: Office, gathers: bool) -> None:
    office.broker.gathers = gathers
    leader = await office.leader()
    free: list[bool] = []
    office.broker.before_submit = lambda intent, epoch: free.append(leader._writer._free.is_set())
    await leader.submit(an_intent())
    await until(leader._writer._free.is_set)
    assert free == [not gathers]
    await leader.stop()


async def test_a_refused_order_never_leaves_and_its_answer_is_repeated(office: Office, leader: OrderLeader) -> None:
    for _ in range(2):
        with pytest.raises(RiskRefused) as refused:
            await leader.submit(an_intent(lots=11))
        assert refused.value.reason_code == "TOO_MANY"
    assert office.kinds() == ["OrderRefused"]
    assert office.broker.count("submit") == 0


async def test_a_repeated_refusal_waits_until_the_first_is_durable(office: Office, leader: OrderLeader) -> None:
    await leader.admit("A1")
    first, second = (asyncio.ensure_future(leader.submit(an_intent(lots=11))) for _ in range(2))
    await asyncio.wait({second})
    assert office.kinds() == ["OrderRefused"]
    assert isinstance(second.exception(), RiskRefused)
    with pytest.raises(RiskRefused):
        await first


async def test_a_retry_while_the_order_is_on_its_way_shares_the_answer(office: Office, leader: OrderLeader) -> None:
    office.broker.hold["submit"] = asyncio.Event()
    answers = [asyncio.ensure_future(leader.submit(an_intent())) for _ in range(3)]
    await until(lambda: office.broker.count("submit") == 1)
    late = asyncio.ensure_future(leader.submit(an_intent(created_ns=7)))
    await settle()
    office.broker.hold["submit"].set()
    assert {(await answer).order_id for answer in [*answers, late]} == {"V1"}
    assert office.broker.count("submit") == 1


async def test_a_caller_that_goes_away_ends_nothing(office: Office, leader: OrderLeader) -> None:
    office.broker.hold["submit"] = asyncio.Event()
    answer = asyncio.ensure_future(leader.submit(an_intent()))
    await until(lambda: office.broker.count("submit") == 1)
    answer.cancel()
    office.broker.hold["submit"].set()
    await until(lambda: status(leader) is OrderStatus.OPEN)
    assert (await leader.submit(an_intent())).order_id == "V1"


async def test_an_id_names_one_order(office: Office, leader: OrderLeader) -> None:
    await leader.submit(an_intent())
    for other in (an_intent(lots=6), an_intent(side=Side.SELL), an_intent(price_ticks=PRICE + 1), an_intent(reference="x")):
        with pytest.raises(DuplicateId):
            await leader.submit(other)
    # The same id of another account is another order.
    assert (await leader.submit(an_intent(account="A2"))).order_id == "V2"


async def test_a_lost_answer_is_unknown_until_the_broker_is_asked(office: Office, leader: OrderLeader) -> None:
    office.broker.late["submit"] = lost()
    office.broker.hold["reports"] = asyncio.Event()
    office.broker.hold["resolve"] = asyncio.Event()
    with pytest.raises(OutcomeUnknown):
        await leader.submit(an_intent())
    assert status(leader) is OrderStatus.UNKNOWN
    with pytest.raises(OutcomeUnknown):
        await leader.submit(an_intent())
    office.broker.hold["resolve"].set()
    await until(lambda: status(leader) is OrderStatus.OPEN)
    assert (await leader.submit(an_intent())).order_id == "V1"
    assert office.venue.arrivals[C1] == 1
    assert leader.resolved == 1


@pytest.mark.parametrize("error", [OutcomeUnknown(), Unavailable()])
async def test_an_order_that_never_arrived_is_voided_and_never_sent_again(
    office: Office, leader: OrderLeader, error: Exception
) -> None:
    office.broker.mishaps["submit"] = deque([error])  # type: ignore[list-item]  # both are the house's own
    with pytest.raises(OutcomeUnknown):
        await leader.submit(an_intent())
    await until(lambda: status(leader) is OrderStatus.REJECTED)
    order = await leader.submit(an_intent())
    assert (order.reason, order.left_lots) == ("NOT_SENT", 0)
    assert office.broker.count("submit") == 1
    assert office.venue.arrivals[C1] == 0


async def test_reports_that_outrun_the_answer_are_the_answer(office: Office, leader: OrderLeader) -> None:
    office.broker.late["submit"] = lost()
    office.broker.hold_answer["submit"] = asyncio.Event()
    answer = asyncio.ensure_future(leader.submit(an_intent()))
    await until(lambda: status(leader) is OrderStatus.OPEN)
    office.venue.fill(C1, 5)
    await until(lambda: status(leader) is OrderStatus.FILLED)
    office.broker.hold_answer["submit"].set()
    assert (await answer).status is OrderStatus.FILLED
    assert "OrderUnknown" not in office.kinds()


async def test_an_old_answer_does_not_undo_the_reports(office: Office, leader: OrderLeader) -> None:
    office.broker.hold_answer["submit"] = asyncio.Event()
    answer = asyncio.ensure_future(leader.submit(an_intent()))
    await until(lambda: status(leader) is OrderStatus.OPEN)
    office.venue.fill(C1, 2)
    await until(lambda: status(leader) is OrderStatus.PARTIAL)
    office.broker.hold_answer["submit"].set()
    order = await answer
    assert (order.status, order.traded_lots, order.left_lots) == (OrderStatus.PARTIAL, 2, 3)
    assert leader.desk.register.find("A1", "c1") == order


async def test_an_answer_may_outrun_the_reports(office: Office, leader: OrderLeader) -> None:
    office.broker.hold["reports"] = asyncio.Event()
    office.broker.hold_answer["submit"] = asyncio.Event()
    answer = asyncio.ensure_future(leader.submit(an_intent()))
    await until(lambda: office.venue.arrivals[C1] == 1)
    office.venue.fill(C1, 2)
    office.broker.hold_answer["submit"].set()
    assert (await answer).status is OrderStatus.OPEN
    office.broker.hold["reports"].set()
    await until(lambda: leader.through == len(office.venue.reports))
    assert leader.desk.register.trade_lots[C1] == 2
    holding = leader.desk.exposure.holding("A1", "IF2501")
    assert holding is not None
    assert (holding.long.today, holding.long.opening) == (2, 3)


async def test_an_exchanges_refusal_is_an_order(office: Office, leader: OrderLeader) -> None:
    def refuse(intent: OrderIntent, epoch: int) -> None:
        office.venue.refuse(intent, "NOT_SENT")

    office.broker.before_submit = refuse
    order = await leader.submit(an_intent())
    assert (order.status, order.reason) == (OrderStatus.REJECTED, "NOT_SENT")


async def test_too_many_orders_under_way_are_refused_unjournaled(
    office: Office, leader: OrderLeader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradepit.services.order_leader.MAX_IN_FLIGHT", 1)
    office.broker.hold["submit"] = asyncio.Event()
    first = asyncio.ensure_future(leader.submit(an_intent(1)))
    await until(lambda: office.broker.count("submit") == 1)
    with pytest.raises(Unavailable):
        await leader.submit(an_intent(2))
    assert office.kinds("c2") == []
    office.broker.hold["submit"].set()
    assert (await first).active


async def test_an_account_is_asked_for_once_and_unknown_ones_leave_no_trace(office: Office, leader: OrderLeader) -> None:
    await asyncio.gather(*(leader.submit(an_intent(number)) for number in range(5)))
    assert office.broker.count("account") == 1
    for number in range(3):
        with pytest.raises(VenueRefused):
            await leader.submit(an_intent(9, account=f"nobody{number}"))
    assert leader._admitting == {}


async def test_contracts_are_looked_for_at_most_once_a_second(office: Office, leader: OrderLeader) -> None:
    with pytest.raises(InstrumentNotFound):
        await leader.instrument("IC2501")
    before = office.broker.count("instruments")
    with pytest.raises(InstrumentNotFound):
        await leader.instrument("IC2501")
    assert office.broker.count("instruments") == before
    office.broker.listings.append(office.broker.listing(instrument("IC2501")))
    office.clock.advance_to(office.clock.now_ns() + 1_100_000_000)
    assert (await leader.instrument("IC2501")).symbol == "IC2501"


# Cancels


async def test_a_cancel_is_journaled_then_sent_and_twice_is_once(office: Office, leader: OrderLeader) -> None:
    await leader.submit(an_intent())
    office.broker.hold["cancel"] = asyncio.Event()
    answers = [asyncio.ensure_future(leader.cancel(*C1)) for _ in range(3)]
    await until(lambda: office.broker.count("cancel") == 1)
    assert "CancelRequested" in office.kinds()
    await settle()
    office.broker.hold["cancel"].set()
    assert {(await answer).status for answer in answers} == {OrderStatus.CANCELLED}
    assert (await leader.cancel(*C1)).status is OrderStatus.CANCELLED
    assert office.broker.count("cancel") == 1


async def test_a_cancel_of_nothing_is_refused(leader: OrderLeader) -> None:
    with pytest.raises(OrderNotFound):
        await leader.cancel("A1", "nothing")


async def test_a_cancel_waits_for_the_order_being_sent(office: Office, leader: OrderLeader) -> None:
    office.broker.hold["submit"] = asyncio.Event()
    answer = asyncio.ensure_future(leader.submit(an_intent()))
    await until(lambda: office.broker.count("submit") == 1)
    cancelled = asyncio.ensure_future(leader.cancel(*C1))
    await settle(200)
    assert office.broker.count("cancel") == 0
    office.broker.hold["submit"].set()
    assert (await cancelled).status is OrderStatus.CANCELLED
    assert (await answer).order_id == "V1"
    assert office.broker.count("cancel") == 1


async def test_a_cancel_of_an_order_in_doubt_is_sent_once_it_is_found(office: Office, leader: OrderLeader) -> None:
    office.broker.late["submit"] = lost()
    office.broker.hold["resolve"] = office.broker.hold["reports"] = asyncio.Event()
    with pytest.raises(OutcomeUnknown):
        await leader.submit(an_intent())
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            await leader.cancel(*C1)
    assert office.kinds().count("CancelRequested") == 1
    office.broker.hold["resolve"].set()
    await until(lambda: status(leader) is OrderStatus.CANCELLED)
    assert office.venue.cancels[C1] == 1


async def test_a_cancel_whose_answer_is_lost_is_tried_again(office: Office, leader: OrderLeader) -> None:
    await leader.submit(an_intent())
    office.broker.mishaps["cancel"] = lost()
    with pytest.raises(OutcomeUnknown):
        await leader.cancel(*C1)
    await until(lambda: status(leader) is OrderStatus.CANCELLED)
    assert office.broker.count("cancel") == 2


async def test_a_cancel_refused_in_a_break_is_repeated_gently(office: Office, leader: OrderLeader) -> None:
    await leader.submit(an_intent())
    office.broker.mishaps["cancel"] = deque(VenueRefused("NOT_TRADING_PERIOD") for _ in range(100))
    with pytest.raises(VenueRefused):
        await leader.cancel(*C1)
    began_ns = office.clock.monotonic_ns()
    await until(lambda: office.clock.monotonic_ns() - began_ns > 3_000_000_000)
    assert 2 <= office.broker.count("cancel") <= 5
    office.broker.mishaps["cancel"].clear()
    await until(lambda: status(leader) is OrderStatus.CANCELLED)
    await settle(200)
    assert leader._cancels._again_ns == {}


async def test_a_fill_that_beats_the_cancel_is_the_answer(office: Office, leader: OrderLeader) -> None:
    await leader.submit(an_intent())
    office.broker.hold["cancel"] = asyncio.Event()
    cancelled = asyncio.ensure_future(leader.cancel(*C1))
    await until(lambda: office.broker.count("cancel") == 1)
    office.venue.fill(C1, 5)
    office.broker.hold["cancel"].set()
    assert (await cancelled).status is OrderStatus.FILLED


async def test_halting_cancels_what_works_in_the_scope_and_the_next_leader_goes_on(office: Office) -> None:
    leader = await office.leader()
    for number in (1, 2):
        await leader.submit(an_intent(number))
    await leader.submit(an_intent(3, account="A2"))
    office.broker.hold["cancel"] = asyncio.Event()
    hit = await leader.set_state("account:A1", TradingState.HALTED, "me", "enough")
    assert {order.client_order_id for order in hit} == {"c1", "c2"}
    entry = office.store.entries[-1]
    assert len(entry.records) == 3  # the state and both wishes, or none of them
    await leader.stop()
    del office.broker.hold["cancel"]

    successor = await office.leader()
    await until(lambda: not successor.desk.register.cancel_wanted)
    assert [status(successor, number) for number in (1, 2)] == [OrderStatus.CANCELLED] * 2
    assert office.venue.orders[("A2", "c3")].active
    assert successor.desk.exposure.states == {"account:A1": TradingState.HALTED}
    await successor.stop()


# Fencing


async def test_a_stale_epoch_at_the_broker_ends_the_term(office: Office, leader: OrderLeader) -> None:
    office.venue.epoch = 99
    with pytest.raises(NotActive):
        await leader.submit(an_intent())
    assert office.fenced == 1
    assert office.venue.arrivals == {}


async def test_a_successor_fences_what_is_being_journaled(office: Office) -> None:
    first = await office.leader()
    await first.admit("A1")
    second = await office.leader()
    with pytest.raises(NotActive):
        await first.submit(an_intent())
    assert first.fenced
    assert office.broker.count("submit") == 0
    for refused in (first.submit(an_intent(2)), first.set_state("global", TradingState.HALTED, "", "")):
        with pytest.raises(NotActive):
            await refused
    # What only the fenced desk holds was never journaled: it is not resolved, not cancelled, not known to the successor.
    await settle(300)
    assert office.broker.count("resolve") == 0
    assert second.desk.register.orders == {}
    await first.stop()
    await second.stop()


async def test_a_successor_finds_out_what_the_former_left_in_doubt(office: Office) -> None:
    first = await office.leader()
    office.broker.hold_answer["submit"] = asyncio.Event()
    sent, never = (asyncio.ensure_future(first.submit(an_intent(number))) for number in (1, 2))
    await until(lambda: len(office.venue.arrivals) == 2)
    del office.venue.orders[("A1", "c2")]
    office.venue.reports.clear()
    second = await office.leader()
    assert (status(second, 1), status(second, 2)) == (OrderStatus.OPEN, OrderStatus.REJECTED)
    office.broker.hold_answer["submit"].set()
    await asyncio.gather(sent, never, return_exceptions=True)
    await first.stop()
    await second.stop()
    assert office.venue.arrivals[C1] == 1


async def test_a_successor_waits_for_the_broker_and_for_its_reports(office: Office) -> None:
    first = await office.leader()
    await first.submit(an_intent())
    await first.stop()
    office.venue.fill(C1, 5)
    office.broker.mishaps["open_session"] = away(3)
    office.broker.hold["reports"] = asyncio.Event()
    second = await office.leader(start=False)
    starting = asyncio.ensure_future(second.start())
    await settle(200)
    assert not starting.done()
    office.broker.hold["reports"].set()
    await starting
    assert status(second) is OrderStatus.FILLED
    await second.stop()


async def test_a_leader_without_reports_does_not_serve(office: Office) -> None:
    office.venue.arrive(an_intent())
    office.broker.hold["reports"] = asyncio.Event()
    leader = await office.leader(start=False)
    with pytest.raises(Unavailable):
        await leader.start()
    await leader.stop()


async def test_stopping_gives_what_is_under_way_a_moment(office: Office) -> None:
    leader = await office.leader()
    office.broker.hold["submit"] = asyncio.Event()
    answer = asyncio.ensure_future(leader.submit(an_intent()))
    await until(lambda: office.broker.count("submit") == 1)
    stopping = asyncio.ensure_future(leader.stop())
    await settle()
    office.broker.hold["submit"].set()
    await stopping
    assert (await answer).order_id == "V1"


# Resolving


@pytest.mark.parametrize("error", [VenueRefused("ORDER_FREQ_LIMIT"), VenueRefused("TIMEOUT"), Unavailable(), OutcomeUnknown()])
async def test_a_question_that_is_refused_proves_nothing(office: Office, leader: OrderLeader, error: Exception) -> None:
    office.broker.hold["reports"] = asyncio.Event()
    office.broker.late["submit"] = lost()
    office.broker.mishaps["resolve"] = deque([error])  # type: ignore[list-item]  # all are the house's own
    with pytest.raises(OutcomeUnknown):
        await leader.submit(an_intent())
    await until(lambda: office.broker.count("resolve") == 2)
    await until(lambda: status(leader) is OrderStatus.OPEN)


async def test_an_order_the_broker_can_never_have_taken_is_rejected(office: Office, leader: OrderLeader) -> None:
    office.broker.mishaps["submit"] = lost()
    office.broker.mishaps["resolve"] = deque([VenueRefused(VolumeNotValid.code)])
    with pytest.raises(OutcomeUnknown):
        await leader.submit(an_intent())
    await until(lambda: status(leader) is OrderStatus.REJECTED)
    assert leader.desk.register.orders[C1].reason == "VOLUME_NOT_VALID"


async def test_a_stale_epoch_while_resolving_ends_the_term(office: Office, leader: OrderLeader) -> None:
    office.broker.mishaps["submit"] = lost()
    office.broker.mishaps["resolve"] = deque(StaleEpoch() for _ in range(1000))
    with pytest.raises(OutcomeUnknown):
        await leader.submit(an_intent())
    await until(lambda: office.fenced > 0)
    assert status(leader) is OrderStatus.UNKNOWN


# Reports


async def test_what_others_do_on_an_account_counts(office: Office, leader: OrderLeader) -> None:
    other = an_intent("x", account="A2")
    office.venue.arrive(other)
    office.venue.fill(("A2", "cx"), 2)
    await until(lambda: leader.through == 3)
    holding = leader.desk.exposure.holding("A2", "IF2501")
    assert holding is not None
    assert (holding.long.today, holding.long.opening) == (2, 3)


async def test_reports_on_a_contract_not_heard_of_are_not_lost(office: Office, leader: OrderLeader) -> None:
    office.broker.mishaps["account"] = away(2)
    office.broker.mishaps["instruments"] = away(2)
    office.broker.listings.append(office.broker.listing(instrument("IC2501")))
    office.venue.arrive(an_intent("x", account="A2", symbol="IC2501"))
    office.venue.fill(("A2", "cx"), 2)
    await until(lambda: leader.through == 3)
    holding = leader.desk.exposure.holding("A2", "IC2501")
    assert holding is not None
    assert holding.long.today == 2
    assert office.fenced == 0


async def test_a_new_day_brings_new_limits_even_from_a_broker_that_is_away(office: Office, leader: OrderLeader) -> None:
    office.broker.mishaps["instruments"] = away(3)
    before = office.broker.count("instruments")
    office.venue.settle(20250107)
    await until(lambda: office.broker.count("instruments") == before + 4)
    assert leader.desk.register.trading_day == 20250107
    assert office.fenced == 0


async def test_reading_resumes_behind_what_was_journaled(office: Office) -> None:
    first = await office.leader()
    await first.submit(an_intent())
    office.venue.fill(C1, 2)
    await until(lambda: first.through == 3)
    await until(lambda: office.replay().register.report_sequence == 3)
    await first.stop()
    office.venue.fill(C1, 3)
    second = await office.leader()
    assert second.desk.register.trade_lots == {C1: 5}
    trades = [
        fact
        for fact in office.journaled()
        if isinstance(fact, facts.ReportApplied) and fact.report.__class__.__name__ == "TradeReport"
    ]
    assert len(trades) == 2
    await second.stop()


async def test_the_journal_alone_rebuilds_the_desk(office: Office, leader: OrderLeader) -> None:
    def fill(intent: OrderIntent, lots: int) -> None:
        office.venue.fill((intent.account, intent.client_order_id), lots)

    for number, lots in enumerate((5, 11, 3, 2)):
        order = an_intent(number, lots=lots)
        try:
            await leader.submit(order)
        except RiskRefused:
            continue
        fill(order, 1)
    await leader.cancel("A1", "c0")
    await until(lambda: leader.through == len(office.venue.reports))
    await leader.write()
    rebuilt = office.replay()
    assert rebuilt.register.orders == leader.desk.register.orders
    assert rebuilt.register.trade_lots == leader.desk.register.trade_lots
    assert rebuilt.exposure.books == leader.desk.exposure.books


async def test_while_reports_wait_for_the_broker_no_risk_is_added() -> None:
    office = Office(load_rules({"session_phase": False, "margin": False}))
    leader = await office.leader()
    await leader.admit("A1")
    office.broker.accounts.add("A9")
    office.broker.mishaps["account"] = away(1_000_000)
    office.venue.arrive(an_intent("foreign", account="A9"))
    await until(lambda: bool(leader.desk.exposure.reconciling))
    with pytest.raises(RiskRefused) as refused:
        await leader.submit(an_intent(1))
    assert refused.value.reason_code == "STREAM_RECONCILING"
    office.broker.mishaps["account"].clear()
    await until(lambda: not leader.desk.exposure.reconciling)
    assert (await leader.submit(an_intent(2))).status is OrderStatus.OPEN
    await leader.stop()


async def test_lots_that_came_free_are_closed_even_if_the_news_of_it_came_to_the_sender_first() -> None:
    office = Office((Closable(),))
    leader = await office.leader()
    await leader.submit(an_intent())
    office.venue.fill(C1, 5)
    close = an_intent(2, side=Side.SELL, offset=Offset.CLOSE)
    await until(lambda: not leader.desk.lacks_lots(close, 0))
    await leader.submit(close)
    with pytest.raises(RiskRefused):
        await leader.submit(an_intent(3, side=Side.SELL, offset=Offset.CLOSE))
    # The exchange cancels it, and tells the sender of it before it tells us.
    office.broker.hold["reports"] = asyncio.Event()
    office.venue.end(("A1", "c2"))
    again = [asyncio.ensure_future(leader.submit(an_intent(4, side=Side.SELL, offset=Offset.CLOSE))) for _ in range(2)]
    together = an_intent(5, side=Side.SELL, offset=Offset.CLOSE)
    await settle(5)
    assert not again[0].done()
    office.broker.hold["reports"].set()
    assert [order.status for order in await asyncio.gather(*again)] == [OrderStatus.OPEN] * 2
    assert (office.kinds("c4"), office.venue.arrivals["A1", "c4"]) == (["OrderAccepted", "OrderSending", "ReportApplied"], 1)
    # An exchange that does not answer changes nothing.
    office.broker.last_report = _nobody  # type: ignore[method-assign]  # away
    with pytest.raises(RiskRefused):
        await leader.submit_together([together])
    await leader.stop()


async def _nobody() -> int:
    raise Unavailable("nobody listens")
