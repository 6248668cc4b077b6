from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tradepit.trading.matching.commands import OpenSession, ReduceOrder, ResolveOrder, SubmitOrder
from tradepit.trading.matching.venue_orders import MAX_REFERENCE
from tradepit.trading.model.report import OrderReport
from tradepit.trading.model.terms import Offset, Side

BUY, SELL = Side.BUY, Side.SELL
OPEN = "2025-01-06 09:31"
Pits = Callable[..., Any]


def test_an_order_rests_and_its_id_is_a_token(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    (report,) = market.order("ann", "a1", BUY, 19_000, 3)
    assert isinstance(report, OrderReport)
    assert (report.sequence, report.trading_day, report.order.order_id) == (1, 20250106, "IF2501-20250106-1")
    assert market.state("ann", "a1") == ("OPEN", 0, 3, "")
    assert market.book() == ({19_000: 3}, {})


def test_the_same_order_again_says_nothing_and_another_under_its_id_is_refused(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", BUY, 19_000, 3)
    assert market.order("ann", "a1", BUY, 19_000, 3) == []
    assert market.told(market.order("ann", "a1", BUY, 19_000, 4)) == ["refused DUPLICATE_ID"]
    assert market.told(market.order("bob", "a1", BUY, 19_000, 4)) == ["a1 OPEN"], "ids are the account's own"
    assert market.book() == ({19_000: 7}, {})


def test_cancel_takes_the_rest_out_and_doing_it_twice_is_doing_it_once(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", BUY, 19_000, 3)
    market.order("bob", "b1", SELL, 19_000, 1)
    assert market.told(market.cancel("ann", "a1")) == ["a1 CANCELLED"]
    assert market.state("ann", "a1") == ("CANCELLED", 1, 0, "")
    assert market.cancel("ann", "a1") == []
    assert market.told(market.cancel("ann", "a9")) == ["refused ORDER_NOT_FOUND"]
    assert market.told(market.cancel("bob", "a1")) == ["refused ORDER_NOT_FOUND"], "not bob's order"
    assert market.venue.account("ann").frozen_margin == 0


def test_reduce_keeps_the_place_in_the_queue_and_happens_once(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", BUY, 19_000, 3)
    market.order("bob", "b1", BUY, 19_000, 3)
    frozen = market.venue.account("ann").frozen_margin
    assert market.told(market.reduce("ann", "a1", 2)) == ["a1 OPEN"]
    assert market.reduce("ann", "a1", 2) == [], "the same reduction again"
    assert market.told(market.reduce("ann", "a1", 1)) == ["refused DUPLICATE_ID"], "another reduction under its id"
    assert market.state("ann", "a1") == ("OPEN", 0, 1, "")
    assert market.venue.account("ann").frozen_margin * 3 == frozen
    assert market.told(market.order("cy", "c1", SELL, 19_000, 2))[1] == "a1 trades 1@19000", "still first"
    assert market.state("ann", "a1") == ("FILLED", 1, 0, "")
    assert market.state("bob", "b1") == ("PARTIAL", 1, 2, "")


def test_reducing_by_all_that_is_left_is_a_cancel_and_by_nothing_is_refused(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", BUY, 19_000, 3)
    assert market.told(market.reduce("ann", "a1", 0)) == ["refused VOLUME_NOT_VALID"]
    assert market.told(market.reduce("ann", "a1", 5, reduce_id="r2")) == ["a1 CANCELLED"]
    assert market.reduce("ann", "a1", 1, reduce_id="r3") == [], "finished: as it is"
    assert market.told(market.reduce("ann", "zz", 1, reduce_id="r4")) == ["refused ORDER_NOT_FOUND"]


def test_resolve_adopts_what_arrived_and_voids_what_did_not(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", BUY, 19_000, 3)
    assert market.do(ResolveOrder(intent=market.intent("ann", "a1", BUY, 19_000, 3))) == []
    lost = market.intent("ann", "a2", BUY, 19_000, 3)
    assert market.told(market.do(ResolveOrder(intent=lost))) == ["a2 REJECTED"]
    assert market.state("ann", "a2") == ("REJECTED", 0, 0, "NOT_SENT")
    assert market.do(SubmitOrder(intent=lost)) == [], "the late copy changes nothing"
    assert market.book() == ({19_000: 3}, {})
    assert market.do(ResolveOrder(intent=lost)) == []
    assert market.told(market.do(ResolveOrder(intent=market.intent("ann", "a1", SELL, 1, 1)))) == ["refused DUPLICATE_ID"]


def test_a_former_leader_is_fenced_in_every_command(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.do(SubmitOrder(intent=market.intent("ann", "a1", BUY, 19_000, 1), session="oms", epoch=3))
    market.do(OpenSession(session="oms", epoch=5))
    before = market.venue.digest()
    stale = [
        SubmitOrder(intent=market.intent("ann", "a2", BUY, 19_000, 1), session="oms", epoch=4),
        ResolveOrder(intent=market.intent("ann", "a3", BUY, 19_000, 1), session="oms", epoch=4),
        ReduceOrder(reduce_id="r", account="ann", client_order_id="a1", by_lots=1, session="oms", epoch=3),
        OpenSession(session="oms", epoch=4),
    ]
    for command in stale:
        assert market.told(market.do(command)) == ["refused STALE_EPOCH"]
    assert market.venue.digest() == before
    assert market.told(market.do(SubmitOrder(intent=market.intent("ann", "a2", BUY, 19_000, 1), session="other"))) == ["a2 OPEN"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_order_id": "a.b"}, "ID_NOT_VALID"),
        ({"account": ""}, "ID_NOT_VALID"),
        ({"symbol": "IF 2501"}, "ID_NOT_VALID"),
        ({"volume_lots": 2**40}, "VOLUME_NOT_VALID"),
        ({"price_ticks": -(2**40)}, "PRICE_NOT_VALID"),
        ({"reference": "x" * (MAX_REFERENCE + 1)}, "INVALID_REQUEST"),
        ({"created_ns": 2**63}, "INVALID_REQUEST"),
    ],
)
def test_what_cannot_be_recorded_is_refused_as_a_whole(pit: Pits, changes: dict[str, Any], code: str) -> None:
    market = pit("IF2501", start=OPEN)
    intent = msgspec.structs.replace(market.intent("ann", "a1", BUY, 19_000, 1), **changes)
    assert market.told(market.do(SubmitOrder(intent=intent))) == [f"refused {code}"]
    assert market.venue.sequence == 0


def test_neither_orders_nor_cancels_enter_in_a_break(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", BUY, 19_000, 1)
    market.at("11:30")
    assert market.told(market.order("ann", "a2", BUY, 19_000, 1)) == ["a2 REJECTED"]
    assert market.state("ann", "a2")[3] == "NOT_TRADING_PERIOD"
    assert market.told(market.cancel("ann", "a1")) == ["refused NOT_TRADING_PERIOD"]
    assert market.told(market.reduce("ann", "a1", 1)) == ["refused NOT_TRADING_PERIOD"]
    market.at("13:00")
    assert market.told(market.reduce("ann", "a1", 1)) == ["a1 CANCELLED"], "a refused reduction may be asked for again"


def test_orders_expire_at_the_close(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", BUY, 19_000, 3)
    market.order("bob", "b1", SELL, 19_000, 1)
    assert market.told(market.at("15:00"))[-1] == "a1 EXPIRED"
    assert market.state("ann", "a1") == ("EXPIRED", 1, 0, "DAY_ENDED")
    assert market.venue.account("ann").frozen_margin == 0
    market.order("cy", "late", SELL, 19_000, 1, Offset.OPEN)
    assert market.state("cy", "late") == ("REJECTED", 0, 0, "NOT_TRADING_PERIOD")
