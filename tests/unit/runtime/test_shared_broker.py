"""A shared broker is closed by whoever leaves last, and is the broker in all else."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.order_path import FakeBroker, Venue, an_intent

from tradepit.runtime.shared_broker import SharedBroker
from tradepit.trading.model.errors import OrderNotFound, StaleEpoch
from tradepit.trading.model.report import Report
from tradepit.trading.model.terms import OrderStatus
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.review import Approved, review
from tradepit.trading.risk.upstream import ReviewedUpstream


class CountedBroker(FakeBroker):
    closed = 0

    async def close(self) -> None:
        self.closed += 1


async def test_the_last_one_closes_it() -> None:
    inner = CountedBroker(Venue())
    first = SharedBroker(inner)
    second, never = first.share(), first.share()
    for share in (first, first, second):
        await share.connect()
    await never.close()
    await first.close()
    await first.close()
    assert inner.closed == 0
    await second.close()
    assert inner.closed == 1
    await second.connect()
    await second.close()
    assert inner.closed == 2


async def test_everything_else_is_the_brokers_own() -> None:
    inner = FakeBroker(Venue())
    share = SharedBroker(inner)
    await share.open_session(1)
    approved = review(an_intent(), Exposure(), (ReviewedUpstream(),), 0)
    assert isinstance(approved, Approved)
    order = await share.submit(approved, epoch=1)
    assert order.status is OrderStatus.OPEN
    assert await share.query("A1", "c1") == order
    assert await share.resolve(an_intent(), epoch=1) == order
    assert await share.last_report() == 1
    assert [report.sequence async for report in _first(share)] == [1]
    assert (await share.cancel("A1", "c1", epoch=1)).status is OrderStatus.CANCELLED
    with pytest.raises(OrderNotFound):
        await share.cancel("A1", "c9", epoch=1)
    assert share.capabilities == inner.capabilities
    assert await share.instruments() == inner.listings
    assert [await share.find(listing.instrument.symbol) for listing in inner.listings] == inner.listings
    assert await share.find("IF9999") is None
    assert (await share.account("A1")).account == "A1"
    assert await share.positions("A1") == []
    assert msgspec.structs.asdict(order)["order_id"] == "V1"


async def _first(share: SharedBroker) -> AsyncIterator[Report]:
    async for report in share.reports(0):
        yield report
        return


async def test_shares_count_their_terms_apart_and_command_as_one() -> None:
    inner = FakeBroker(Venue())
    first = SharedBroker(inner, epoch=100)
    second = first.share()
    await first.open_session(1)
    await second.open_session(7_000)
    approved = review(an_intent(), Exposure(), (ReviewedUpstream(),), 0)
    assert isinstance(approved, Approved)
    assert (await first.submit(approved, epoch=1)).status is OrderStatus.OPEN
    assert (await second.cancel("A1", "c1", epoch=7_000)).status is OrderStatus.CANCELLED
    await first.open_session(2)
    with pytest.raises(StaleEpoch):
        await first.resolve(an_intent(), epoch=1)
    assert (await first.resolve(an_intent(), epoch=2)).status is OrderStatus.CANCELLED
