from collections.abc import Callable
from decimal import Decimal

import pytest

from tradepit.trading.ledger.contract import Contract, FeePerTick
from tradepit.trading.ledger.rules import FreezePrice
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.product import FeeRate


def test_a_fee_is_a_share_of_the_value_plus_an_amount_per_lot() -> None:
    fee = FeePerTick(FeeRate(by_money=Decimal("0.000023"), by_volume=Decimal("0.5")), tick_value=Decimal(60))
    assert fee.charge(price_ticks=20000, lots=2) == Decimal("0.000023") * 4000 * 300 * 2 + 1


def test_a_day_begins_at_the_previous_settlement_and_is_marked_from_there(instrument: Callable[..., Instrument]) -> None:
    contract = Contract(instrument(multiplier=300, tick_size=Decimal("0.2")), Decimal("4000.1"))
    assert (contract.mark, contract.mark_value, contract.pre_value) == (
        Decimal("4000.1"),
        Decimal("1200030.0"),
        Decimal("1200030.0"),
    )
    contract.mark_ticks(20001)
    assert (contract.mark, contract.mark_value) == (Decimal("4000.2"), Decimal("1200060.0"))
    contract.begin_day(Decimal("4000.3"))
    assert contract.mark == contract.pre_settlement == Decimal("4000.3")


def test_frozen_margin_by_either_basis(instrument: Callable[..., Instrument]) -> None:
    contract = Contract(instrument(), Decimal(3000))
    assert contract.frozen_margin(3100, FreezePrice.PRE_SETTLEMENT) == 3000
    assert contract.frozen_margin(3100, FreezePrice.ORDER) == 3100
    assert contract.frozen_margin(0, FreezePrice.ORDER) == 3300, "a market order is reckoned at the upper limit"


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "sNaN", "Infinity", "1e999999", "1e10", "1.0000001", "1e-999999"])
def test_prices_that_make_no_sense_are_refused(instrument: Callable[..., Instrument], price: str) -> None:
    with pytest.raises(BadRequest):
        Contract(instrument(), Decimal(price))
