"""The desk as bytes: read back whole, refused when it is damaged or of another version, bounded however long the house runs."""

import zlib
from decimal import Decimal

import msgspec
import pytest
from tests.order_path import DAY, AtMostTen, Venue, an_intent
from tests.unit.orders.test_desk import a_desk

from tradepit.trading.model.errors import JournalCorrupted
from tradepit.trading.model.report import Report
from tradepit.trading.orders import desk_snapshot
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.orders.desk_snapshot import VERSION, DeskBuilder, Sealed, seal, take, unseal
from tradepit.trading.risk.rate import Rate

RULES = (AtMostTen(),)


def built(state: bytes) -> OrderDesk:
    builder = DeskBuilder(RULES)
    for piece in unseal(state).pieces:
        builder.put(piece)
    return builder.desk


def test_a_desk_comes_back_from_its_bytes() -> None:
    desk = a_desk(Rate(orders_per_s=1, order_burst=2))
    for fact in desk.decide(an_intent(), 5, 3)[1]:
        desk.apply(fact)
    desk.apply(facts.ReportApplied(time_ns=6, report=_filled(), through=4))
    state = seal(list(take(desk)), 12345)
    assert unseal(state).mark == 12345
    copied = built(state)
    assert copied.exposure == desk.exposure
    assert copied.exposure.books["A1"].requests.orders.level == 1_000_000_000
    assert copied.register.orders == desk.register.orders
    assert copied.register.report_sequence == 4
    assert copied.limits.base == RULES


def _filled() -> Report:
    venue = Venue()
    venue.arrive(an_intent())
    venue.fill(("A1", "c1"), 5)
    return venue.reports[-1]


def test_market_data_is_not_kept_and_the_days_limits_are() -> None:
    desk = a_desk()
    market = desk.exposure.markets["IF2501"]
    limits = market.lower_ticks, market.upper_ticks
    market.last_ticks = market.bid_ticks = market.ask_ticks = market.seen_ns = 7
    copied = built(seal(list(take(desk)), 0)).exposure.markets["IF2501"]
    assert (copied.last_ticks, copied.bid_ticks, copied.ask_ticks, copied.seen_ns, copied.phase) == (0, 0, 0, 0, "CLOSED")
    assert (copied.lower_ticks, copied.upper_ticks) == limits
    assert market.last_ticks == 7


def test_what_is_no_snapshot_is_refused() -> None:
    whole = seal(list(take(a_desk())), 0)
    for bad in (b"", b"nonsense", whole[:-5], zlib.compress(b"\xc0"), zlib.compress(msgspec.msgpack.encode([1, 2]))):
        with pytest.raises(JournalCorrupted, match="cannot be read"):
            unseal(bad)
    for piece in (b"", b"\xc0", msgspec.msgpack.encode({"type": "first_seen", "day": DAY, "places": [0]})):
        with pytest.raises(JournalCorrupted, match="cannot be read"):
            DeskBuilder(RULES).put(piece)


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    state = seal(list(take(a_desk())), 0)
    monkeypatch.setattr(desk_snapshot, "VERSION", "2-00000000")
    with pytest.raises(JournalCorrupted, match="another version") as error:
        unseal(state)
    assert error.value.details == {"version": VERSION, "expected": "2-00000000"}
    assert msgspec.msgpack.decode(zlib.decompress(state), type=Sealed).version == VERSION


def test_the_version_follows_from_what_is_kept_and_not_from_prose() -> None:
    class Old(msgspec.Struct):
        """Said so."""

        amount: Decimal

    class Same(msgspec.Struct):
        """Said otherwise."""

        amount: Decimal

    class New(msgspec.Struct):
        amount: Decimal
        more: int = 0

    def shape(kind: type) -> bytes:
        return msgspec.json.encode(desk_snapshot._shape(msgspec.json.schema(kind))).replace(kind.__name__.encode(), b"")

    assert shape(Old) == shape(Same) != shape(New)


def test_a_snapshot_does_not_grow_with_the_days() -> None:
    """Two days' orders are remembered, and their ids, trades and algorithms: after that each new day costs what it frees."""
    venue, desk, read, sizes = Venue(), a_desk(), 0, []
    for day in range(6):
        for number in range(50):
            intent = an_intent(f"{day}-{number:02}", lots=1, reference=f"algo-{day}")
            desk.apply(facts.AlgoAccepted(time_ns=1, algo_id=f"algo-{day}", account="A1", topic="t", body="{}"))
            desk.apply(facts.OrderAccepted(time_ns=1, intent=intent))
            venue.arrive(intent)
            if number % 2:
                venue.fill(("A1", intent.client_order_id), 1)
        desk.apply(facts.AlgoEnded(time_ns=1, algo_id=f"algo-{day}", state="DONE", filled_lots=25))
        venue.settle(DAY + day + 1)
        while read < len(venue.reports):
            read += 1
            desk.apply(facts.ReportApplied(time_ns=1, report=venue.reports[read - 1], through=read))
        sizes.append(sum(map(len, take(desk))))
        assert len(desk.register.orders) == len(desk.register.by_order_id) == 50
        assert len(desk.register.algos) == len(desk.register.children) == 1
    assert max(sizes[1:]) - min(sizes[1:]) < 200
