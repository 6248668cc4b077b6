from collections.abc import Callable
from decimal import Decimal

import pytest

from tradepit.trading.ledger.ledger import Ledger
from tradepit.trading.ledger.rules import FreezePrice, LedgerRules
from tradepit.trading.model.errors import BadRequest, DuplicateId, InstrumentNotFound, VenueRefused
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset, Side

Orders = Callable[..., OrderIntent]
Ledgers = Callable[..., Ledger]


def test_an_open_freezes_margin_and_fee_and_release_gives_them_back(ledger: Ledgers, order: Orders) -> None:
    pit = ledger()
    before = pit.digest()
    pit.reserve(order("a", Side.BUY, Offset.OPEN, 3100, 5, client_order_id="x"))
    account = pit.account("a")
    assert (account.frozen_margin, account.frozen_fee) == (Decimal(15000), Decimal(6))
    assert pit.release("a", "x", 2) == 2
    assert pit.account("a").frozen_margin == 9000
    assert pit.release("a", "x", 9) == 3, "no more than there is"
    assert pit.release("a", "x") == 0, "again changes nothing"
    assert pit.account("a").frozen_margin == pit.account("a").frozen_fee == 0
    assert pit.digest() == before


def test_margin_may_be_frozen_at_the_order_price(ledger: Ledgers, order: Orders) -> None:
    pit = ledger(rules=LedgerRules(freeze_price=FreezePrice.ORDER))
    pit.reserve(order("a", Side.BUY, Offset.OPEN, 3100, 1))
    assert pit.account("a").frozen_margin == 3100
    pit.reserve(order("b", Side.SELL, Offset.OPEN, 0, 1))
    assert pit.account("b").frozen_margin == 3300


def test_money_runs_out_exactly_at_the_limit(ledger: Ledgers, order: Orders) -> None:
    pit = ledger()
    pit.withdraw("a", Decimal(1_000_000) - 2 * (3000 + Decimal("1.2")))
    with pytest.raises(VenueRefused) as refused:
        pit.reserve(order("a", Side.BUY, Offset.OPEN, 3000, 3))
    assert refused.value.reason_code == "INSUFFICIENT_MONEY"
    assert pit.account("a").frozen_margin == 0
    pit.reserve(order("a", Side.BUY, Offset.OPEN, 3000, 2))
    assert pit.available("a") == 0


def test_a_close_is_never_refused_for_money(ledger: Ledgers, order: Orders) -> None:
    pit = ledger()
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 100), 3000, 100)
    pit.mark("c2505", 1000)
    assert pit.available("a") < 0
    pit.reserve(order("a", Side.SELL, Offset.CLOSE, 1000, 100))
    assert pit.position("a", "c2505", Side.BUY).frozen_lots == 100


def test_named_buckets_are_frozen_apart(ledger: Ledgers, order: Orders) -> None:
    pit = ledger(close_rule=CloseRule.NAMED)
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 2), 3000, 2)
    pit.settle(20250107, {"c2505": Decimal(3000)})
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 3), 3000, 3)
    pit.reserve(order("a", Side.SELL, Offset.CLOSE, 3000, 1, client_order_id="old"))
    pit.reserve(order("a", Side.SELL, Offset.CLOSETODAY, 3000, 3))
    position = pit.position("a", "c2505", Side.BUY)
    assert (position.frozen_today_lots, position.frozen_yesterday_lots) == (3, 1)
    for offset, lots, code in (
        (Offset.CLOSE, 2, "OVER_CLOSEYESTERDAY"),
        (Offset.CLOSEYESTERDAY, 2, "OVER_CLOSEYESTERDAY"),
        (Offset.CLOSETODAY, 1, "OVER_CLOSETODAY"),
    ):
        with pytest.raises(VenueRefused) as refused:
            pit.reserve(order("a", Side.SELL, offset, 3000, lots))
        assert refused.value.reason_code == code
    assert pit.closable("a", "c2505", Side.SELL, Offset.CLOSE) == 1
    pit.release("a", "old")
    assert pit.closable("a", "c2505", Side.SELL, Offset.CLOSE) == 2
    assert pit.closable("a", "c2505", Side.SELL, Offset.CLOSETODAY) == 0


def test_without_buckets_the_total_is_frozen(ledger: Ledgers, order: Orders) -> None:
    pit = ledger()
    pit.apply_fill(order("a", Side.SELL, Offset.OPEN, 3000, 3), 3000, 3)
    pit.reserve(order("a", Side.BUY, Offset.CLOSETODAY, 3000, 2))
    with pytest.raises(VenueRefused) as refused:
        pit.reserve(order("a", Side.BUY, Offset.CLOSE, 3000, 2))
    assert refused.value.reason_code == "OVER_CLOSE_POSITION"
    assert refused.value.details["closable"] == 1


def test_without_offsets_only_what_would_open_is_frozen(ledger: Ledgers, order: Orders) -> None:
    pit = ledger(close_rule=CloseRule.NET)
    pit.apply_fill(order("a", Side.SELL, Offset.NET, 3000, 5), 3000, 5)
    pit.reserve(order("a", Side.BUY, Offset.NET, 3000, 5, client_order_id="flatten"))
    assert pit.account("a").frozen_margin == 0
    turn = order("a", Side.BUY, Offset.NET, 3000, 2, client_order_id="turn")
    pit.reserve(turn)
    assert pit.account("a").frozen_margin == 6000
    with pytest.raises(VenueRefused, match="OVER_CLOSE_POSITION"):
        pit.reserve(order("a", Side.BUY, Offset.CLOSE, 3000, 1))
    pit.apply_fill(turn, 3000, 2)
    assert pit.position("a", "c2505", Side.SELL).lots == 3
    assert pit.account("a").frozen_margin == 6000, "the first order would now open two"
    pit.release("a", "flatten")
    assert pit.account("a").frozen_margin == pit.account("a").frozen_fee == 0


def test_without_offsets_money_is_asked_for_what_would_open(ledger: Ledgers, order: Orders) -> None:
    pit = ledger(close_rule=CloseRule.NET)
    pit.apply_fill(order("a", Side.BUY, Offset.NET, 3000, 2), 3000, 2)
    pit.withdraw("a", pit.available("a"))
    before = pit.digest()
    with pytest.raises(VenueRefused, match="INSUFFICIENT_MONEY"):
        pit.reserve(order("a", Side.SELL, Offset.NET, 3000, 3))
    assert pit.digest() == before
    pit.reserve(order("a", Side.SELL, Offset.NET, 3000, 2))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"lots": 0}, BadRequest),
        ({"lots": -1}, BadRequest),
        ({"account": "nobody"}, VenueRefused),
        ({"symbol": "x"}, InstrumentNotFound),
    ],
)
def test_orders_that_make_no_sense(ledger: Ledgers, order: Orders, change: dict[str, object], error: type[Exception]) -> None:
    pit = ledger()
    asked = {"account": "a", "side": Side.BUY, "offset": Offset.OPEN, "price_ticks": 3000, "lots": 1, **change}
    with pytest.raises(error):
        pit.reserve(order(**asked))


def test_an_offset_must_suit_the_exchange_and_an_id_works_once(ledger: Ledgers, order: Orders) -> None:
    pit = ledger()
    with pytest.raises(VenueRefused, match="OFFSET_NOT_VALID"):
        pit.reserve(order("a", Side.BUY, Offset.NET, 3000, 1))
    pit.reserve(order("a", Side.BUY, Offset.OPEN, 3000, 1, client_order_id="x"))
    with pytest.raises(DuplicateId):
        pit.reserve(order("a", Side.BUY, Offset.OPEN, 3000, 1, client_order_id="x"))
    pit.reserve(order("b", Side.BUY, Offset.OPEN, 3000, 1, client_order_id="x"))
    with pytest.raises(BadRequest):
        pit.release("a", "x", -1)
