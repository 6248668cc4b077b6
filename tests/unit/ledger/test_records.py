from collections.abc import Callable
from decimal import Decimal

import pytest

from tradepit.trading.ledger.contract import Contract
from tradepit.trading.ledger.funds import Funds
from tradepit.trading.ledger.records import Records
from tradepit.trading.ledger.rules import LedgerRules
from tradepit.trading.model.errors import InstrumentNotFound, VenueRefused
from tradepit.trading.model.instrument import Instrument


def test_unknown_names_and_foreign_money_are_refused(instrument: Callable[..., Instrument]) -> None:
    records = Records(20250106, LedgerRules())
    with pytest.raises(VenueRefused) as nobody:
        records.account("a")
    assert nobody.value.reason_code == "ACCOUNT_NOT_FOUND"
    with pytest.raises(InstrumentNotFound):
        records.contract("c2505")
    records.contracts["VN"] = Contract(instrument("VN", currency="VND"), Decimal(1300))
    with pytest.raises(VenueRefused) as foreign:
        records.book(Funds("a", "CNY"), "VN")
    assert foreign.value.reason_code == "CURRENCY_MISMATCH"


def test_looking_makes_no_book_but_changing_does(instrument: Callable[..., Instrument]) -> None:
    records = Records(20250106, LedgerRules())
    records.contracts["c2505"] = Contract(instrument(), Decimal(3000))
    funds = Funds("a", "CNY")
    assert records.look(funds, "c2505").flat
    assert not funds.books
    book = records.book(funds, "c2505")
    assert records.book(funds, "c2505") is records.look(funds, "c2505") is book
