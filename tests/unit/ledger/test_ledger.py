from collections.abc import Callable
from decimal import Decimal

import pytest

from tradepit.trading.ledger.ledger import Ledger
from tradepit.trading.model.errors import BadRequest, InstrumentNotFound, VenueRefused
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Offset, Side

Orders = Callable[..., OrderIntent]
Ledgers = Callable[..., Ledger]


def test_opening_and_listing_twice_change_nothing(ledger: Ledgers, instrument: Callable[..., Instrument]) -> None:
    pit = ledger()
    before = pit.digest()
    pit.open_account("a", Decimal(5))
    pit.list_instrument(instrument(), Decimal(1))
    assert pit.digest() == before
    assert (pit.accounts(), pit.symbols(), pit.pre_settlement("c2505")) == (("a", "b"), ("c2505",), Decimal(3000))


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "sNaN", "Infinity", "1e999999", "1e16", "0.00001", "1e-999999"])
def test_amounts_that_make_no_sense_are_refused(ledger: Ledgers, amount: str) -> None:
    pit = ledger()
    before = pit.digest()
    for pay in (pit.deposit, pit.withdraw):
        with pytest.raises(BadRequest):
            pay("a", Decimal(amount))
    if amount != "0":
        with pytest.raises(BadRequest):
            pit.open_account("c", Decimal(amount))
    assert pit.digest() == before


def test_nothing_more_than_available_can_be_withdrawn(ledger: Ledgers, order: Orders) -> None:
    pit = ledger()
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 10), 3000, 10)
    pit.reserve(order("a", Side.BUY, Offset.OPEN, 3000, 1))
    available = Decimal(1_000_000) - 12 - 30_000 - Decimal("3001.2")
    assert pit.available("a") == available
    with pytest.raises(VenueRefused) as refused:
        pit.withdraw("a", available + Decimal("0.01"))
    assert refused.value.reason_code == "INSUFFICIENT_MONEY"
    pit.withdraw("a", available)
    assert pit.available("a") == 0


def test_marking_moves_every_holder_and_only_profit(ledger: Ledgers, order: Orders) -> None:
    pit = ledger()
    pit.apply_fill(order("a", Side.BUY, Offset.OPEN, 3000, 1), 3000, 1)
    pit.apply_fill(order("b", Side.SELL, Offset.OPEN, 3000, 1), 3000, 1)
    pit.mark("c2505", 3011)
    assert [pit.account(name).position_profit for name in ("a", "b")] == [110, -110]
    assert [pit.account(name).close_profit for name in ("a", "b")] == [0, 0]
    assert pit.account("a").margin == 3000


def test_positions_list_only_what_is_held(ledger: Ledgers, order: Orders, instrument: Callable[..., Instrument]) -> None:
    pit = ledger()
    pit.list_instrument(instrument("c2501"), Decimal(3000))
    assert pit.positions("a") == ()
    assert pit.position("a", "c2505", Side.BUY).lots == 0
    for symbol, side in (("c2505", Side.SELL), ("c2505", Side.BUY), ("c2501", Side.SELL)):
        pit.apply_fill(order("a", side, Offset.OPEN, 3000, 1, symbol=symbol), 3000, 1)
    assert [(p.symbol, p.side) for p in pit.positions("a")] == [("c2501", Side.SELL), ("c2505", Side.BUY), ("c2505", Side.SELL)]


def test_unknown_names(ledger: Ledgers) -> None:
    pit = ledger()
    asks: list[Callable[[], object]] = [
        lambda: pit.account("x"),
        lambda: pit.available("x"),
        lambda: pit.positions("x"),
        lambda: pit.deposit("x", Decimal(1)),
        lambda: pit.release("x", "y"),
    ]
    for ask in asks:
        with pytest.raises(VenueRefused, match="ACCOUNT_NOT_FOUND"):
            ask()
    for ask in (lambda: pit.mark("x", 1), lambda: pit.position("a", "x", Side.BUY), lambda: pit.pre_settlement("x")):
        with pytest.raises(InstrumentNotFound):
            ask()


def test_a_currency_of_its_own(ledger: Ledgers, order: Orders) -> None:
    pit = ledger(currency="VND", multiplier=100_000, tick_size=Decimal("0.1"), pre_settlement="1300")
    pit.open_account("dong", Decimal(100_000_000), "VND")
    pit.apply_fill(order("dong", Side.BUY, Offset.OPEN, 13_000, 1), 13_000, 1)
    pit.mark("c2505", 13_005)
    assert pit.account("dong").position_profit == 50_000
    pit.open_account("yuan", Decimal(100_000_000))
    with pytest.raises(VenueRefused, match="CURRENCY_MISMATCH"):
        pit.reserve(order("yuan", Side.BUY, Offset.OPEN, 13_000, 1))
