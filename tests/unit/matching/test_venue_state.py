from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tradepit.trading.matching.commands import Command, OpenSession, SubmitOrder
from tradepit.trading.matching.venue import Venue
from tradepit.trading.model.errors import JournalCorrupted
from tradepit.trading.model.terms import Offset, Side

BUY, SELL = Side.BUY, Side.SELL
Pits = Callable[..., Any]


@pytest.fixture
def busy(pit: Pits) -> Any:
    """A venue in the middle of much."""
    market = pit("IF2501", "rb2505", start="2025-01-06 09:31", snapshot_ns=500_000_000)
    market.do(OpenSession(session="oms", epoch=7))
    market.show({18_999: 3, 18_998: 2}, {19_000: 2}, last_ticks=19_000, volume_lots=5, turnover=Decimal(5_700_000))
    for number, account in enumerate(("ann", "bob", "cy", "ann")):
        market.order(account, f"o{number}", BUY, 18_999, number + 1)
        market.order(account, f"r{number}", BUY, 3300, number + 1, symbol="rb2505")
    market.show({18_999: 6}, {19_000: 2}, last_ticks=19_000, volume_lots=5, turnover=Decimal(5_700_000))
    market.reduce("cy", "o2", 1)
    market.order("bob", "s1", SELL, 18_999, 5)
    market.order("cy", "broke", BUY, 18_999, 20)
    return market


def test_a_restored_venue_is_the_same_and_goes_on_the_same(busy: Any) -> None:
    market = busy
    twin = market.twin()
    assert twin.digest() == market.venue.digest()
    assert twin.settings == market.venue.settings
    commands: list[tuple[int, Command]] = [
        (market.now_ns + 1, SubmitOrder(intent=market.intent("cy", "c9", SELL, 18_998, 20))),
        (market.now_ns + 2, SubmitOrder(intent=market.intent("ann", "o0", BUY, 18_999, 1))),
        (market.now_ns + 3, SubmitOrder(intent=market.intent("ann", "out", SELL, 18_990, 1, Offset.CLOSE))),
        (market.now_ns + 4, SubmitOrder(intent=market.intent("bob", "x", BUY, 1, 1), session="oms", epoch=6)),
        (market.now_ns + 10**14, OpenSession(session="oms", epoch=8)),
    ]
    for now_ns, command in commands:
        expected = msgspec.json.encode(market.venue.apply(command, now_ns))
        assert msgspec.json.encode(twin.apply(command, now_ns)) == expected
        assert twin.digest() == market.venue.digest()
    assert twin.orders("ann") == market.venue.orders("ann")
    assert twin.next_wakeup_ns() == market.venue.next_wakeup_ns()


def test_a_snapshot_of_a_venue_nobody_told_anything(pit: Pits) -> None:
    venue = Venue(calendar=pit().calendar)
    twin = Venue.restore(venue.snapshot(), calendar=pit().calendar)
    assert (twin.trading_day, twin.digest()) == (0, venue.digest())


def test_the_queues_order_is_part_of_the_digest(pit: Pits) -> None:
    def waiting(first: str, second: str) -> str:
        market = pit("IF2501", start="2025-01-06 09:31")
        for account in (first, second):
            market.order(account, "x", BUY, 19_000, 1)
        digest: str = market.venue.digest()
        return digest

    assert waiting("ann", "bob") != waiting("bob", "ann")
    assert waiting("ann", "bob") == waiting("ann", "bob")


@pytest.mark.parametrize("garbage", [b"", b"\x00", b"{}", b"\xff" * 100, b"\x80"])
def test_garbage_is_no_snapshot(busy: Any, garbage: bytes) -> None:
    with pytest.raises(JournalCorrupted):
        Venue.restore(garbage, calendar=busy.calendar)
    whole = busy.venue.snapshot()
    with pytest.raises(JournalCorrupted):
        Venue.restore(whole[:-7], calendar=busy.calendar)
