"""Every kind of fault can be seen from outside, and none loses or doubles an order."""

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from tests.patience import PATIENCE_S
from tests.waiting import settle

from tradepit.services import trading_gateway
from tradepit.services.gateway_faults import FaultSeam
from tradepit.trading.matching.faults import Fault, FaultPlan
from tradepit.trading.model.errors import OutcomeUnknown, Unavailable
from tradepit.trading.model.terms import OrderStatus
from tradepit.wire.simulator import BROKER_REPORTS

if TYPE_CHECKING:
    from tests.unit.services.conftest import House


async def test_a_lost_ack_is_resolved_by_asking(house: "House") -> None:
    await house.start()
    await house.ask("faults", {"plan": {"lose_ack": {"count": 1}}})
    with pytest.raises(OutcomeUnknown):
        await house.broker(timeout_s=0.05).submit(house.approved(house.order(1)), epoch=1)
    assert (await house.broker().resolve(house.order(1), epoch=1)).status is OrderStatus.OPEN
    assert (await house.ask("faults"))["injected"] == {"lose_ack": 1}


async def test_resolving_an_order_that_never_arrived_voids_it(house: "House") -> None:
    await house.start()
    client = house.broker()
    voided = await client.resolve(house.order(1), epoch=1)
    assert (voided.status, voided.reason) == (OrderStatus.REJECTED, "NOT_SENT")
    assert await client.submit(house.approved(house.order(1)), epoch=1) == voided


async def test_a_delayed_ack_leaves_late(house: "House") -> None:
    await house.start(faults=FaultPlan(delay_ack=Fault(count=1), delay_ms=150))
    with pytest.raises(OutcomeUnknown):
        await house.broker(timeout_s=0.03).submit(house.approved(house.order(1)), epoch=1)
    assert (await house.send(house.order(1)))["order"]["status"] == "OPEN"


async def test_a_rate_limited_order_was_not_done(house: "House") -> None:
    gateway = await house.start(faults=FaultPlan(rate_limit=Fault(count=1)))
    entry = gateway._command_writer.last
    refused = await house.broker().submit(house.approved(house.order(1)), epoch=1)
    assert (refused.status, refused.reason) == (OrderStatus.REJECTED, "ORDER_FREQ_LIMIT")
    assert gateway._command_writer.last == entry
    assert await house.broker().query("A", "c1") is None


async def test_duplicated_and_reordered_reports_come_out_once_and_in_order(house: "House") -> None:
    plan = FaultPlan(duplicate=Fault(probability=0.5), reorder=Fault(probability=0.5), seed=3)
    gateway = await house.start(faults=plan)
    heard = await house.listen(BROKER_REPORTS)
    gateway._outbox.cut()
    await house.trade()
    gateway._outbox.mend()
    last = gateway.machine.last_report
    reports = await house.collect(last)
    assert [report.sequence for report in reports] == list(range(1, last + 1))
    await house.settled(gateway)
    await house.until(lambda: len(heard["broker.reports"]) > last)
    numbers = [report["sequence"] for report in heard["broker.reports"]]
    assert numbers != sorted(numbers)
    assert set(numbers) == set(range(1, last + 1))


async def test_a_cut_line_is_unreachable_and_then_mended(house: "House", monkeypatch: pytest.MonkeyPatch) -> None:
    mended = asyncio.Event()

    async def stay_away(seconds: float) -> None:
        await (mended.wait() if seconds == 600 else asyncio.sleep(seconds))

    monkeypatch.setattr(trading_gateway, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": stay_away}))
    gateway = await house.start(faults=FaultPlan(disconnect=Fault(count=1), disconnect_ms=600_000))
    heard = await house.listen(BROKER_REPORTS)
    client = house.broker()
    with pytest.raises(OutcomeUnknown):
        await client.submit(house.approved(house.order(1)), epoch=1)
    with pytest.raises(Unavailable):
        await client.query("A", "c1")
    assert not gateway.health().ready
    assert (await house.ask("status"))["instance"] == "gw-1"
    mended.set()
    await house.until(lambda: gateway.health().ready)
    found = await client.query("A", "c1")
    assert found is not None
    assert found.status is OrderStatus.OPEN
    await house.until(lambda: len(heard["broker.reports"]) == 1)


async def test_orders_sent_together_are_limited_one_by_one_and_lose_their_answer_together(house: "House") -> None:
    await house.start(faults=FaultPlan(rate_limit=Fault(count=1)))
    client, impatient = house.broker(), house.broker(timeout_s=0.05)
    sent = [house.approved(house.order(number)) for number in (1, 2, 3)]
    orders = await asyncio.gather(*(client.submit(each, epoch=1) for each in sent))
    assert [(order.status, order.reason) for order in orders] == [
        (OrderStatus.REJECTED, "ORDER_FREQ_LIMIT"),
        (OrderStatus.OPEN, ""),
        (OrderStatus.OPEN, ""),
    ]
    await house.ask("faults", {"plan": {"lose_ack": {"count": 1}}})
    sent = [house.approved(house.order(number)) for number in (4, 5)]
    outcomes = await asyncio.gather(*(impatient.submit(each, epoch=1) for each in sent), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown, OutcomeUnknown]
    for each in sent:
        assert (await client.resolve(each.intent, epoch=1)).status is OrderStatus.OPEN


async def test_an_answer_that_gets_lost_on_a_cut_line_holds_up_nobody() -> None:
    # The doors close once what is in hand has been answered: an answer withheld for a minute would keep the gateway away so long.
    seam = FaultSeam(FaultPlan(lose_ack=Fault(count=2)), lambda _: None)

    async def outcome() -> bytes:
        return b"done"

    seam.release()
    async with asyncio.timeout(PATIENCE_S):
        assert b"OUTCOME_UNKNOWN" in await seam.pass_on(seam.draw(), outcome())
    seam.mend()
    withheld = asyncio.create_task(seam.pass_on(seam.draw(), outcome()))
    await settle()
    assert not withheld.done()
    seam.close()
    assert b"OUTCOME_UNKNOWN" in await withheld
