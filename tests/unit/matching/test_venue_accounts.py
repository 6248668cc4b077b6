from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.matching.commands import ListInstrument, OpenAccount, Transfer
from tradepit.trading.matching.events import PhaseChanged
from tradepit.trading.model.terms import SessionPhase

Pits = Callable[..., Any]


def test_opening_an_account_again_changes_nothing(pit: Pits) -> None:
    market = pit()
    assert market.do(OpenAccount(account="new", deposit=Decimal(5))) == []
    assert market.do(OpenAccount(account="new", deposit=Decimal(7))) == []
    assert market.venue.account("new").balance == 5
    assert market.venue.accounts() == ("ann", "bob", "cy", "new")


@pytest.mark.parametrize("amount", ["-1", "NaN", "sNaN", "Infinity", "1e999999", "0e-999999", "1e16", "0.000000001"])
def test_an_amount_that_is_no_money_is_refused(pit: Pits, amount: str) -> None:
    market = pit()
    assert market.told(market.do(OpenAccount(account="new", deposit=Decimal(amount)))) == ["refused INVALID_REQUEST"]
    if amount != "-1":
        transfer = Transfer(transfer_id="t", account="ann", amount=Decimal(amount))
        assert market.told(market.do(transfer)) == ["refused INVALID_REQUEST"]


def test_an_account_id_must_be_a_token_and_accounts_are_limited(pit: Pits) -> None:
    market = pit(max_accounts=3)
    assert market.told(market.do(OpenAccount(account="a.b", deposit=Decimal(5)))) == ["refused ID_NOT_VALID"]
    assert market.told(market.do(OpenAccount(account="d", deposit=Decimal(5)))) == ["refused INVALID_REQUEST"]


def test_a_transfer_happens_once(pit: Pits) -> None:
    market = pit()
    paid = Transfer(transfer_id="t1", account="ann", amount=Decimal("100.50"))
    assert market.do(paid) == market.do(paid) == []
    assert market.do(Transfer(transfer_id="t1", account="ann", amount=Decimal("100.5"))) == [], "the same amount"
    assert market.venue.account("ann").deposit == Decimal("50000100.5")
    other = Transfer(transfer_id="t1", account="ann", amount=Decimal(1))
    assert market.told(market.do(other)) == ["refused DUPLICATE_ID"]


def test_more_than_there_is_cannot_be_paid_out(pit: Pits) -> None:
    market = pit()
    assert market.told(market.do(Transfer(transfer_id="t1", account="ann", amount=Decimal(-50_000_001)))) == [
        "refused INSUFFICIENT_MONEY"
    ]
    assert market.do(Transfer(transfer_id="t1", account="ann", amount=Decimal(-50_000_000))) == [], "a refused id is free"
    assert market.venue.account("ann").balance == 0
    assert market.told(market.do(Transfer(transfer_id="t2", account="zed", amount=Decimal(1)))) == ["refused ACCOUNT_NOT_FOUND"]
    assert market.told(market.do(Transfer(transfer_id="t3", account="ann", amount=Decimal(0)))) == ["refused INVALID_REQUEST"]


def test_listing_tells_the_phase_and_again_changes_nothing(pit: Pits) -> None:
    market = pit(start="2025-01-06 09:45")
    instrument = load_catalog().instrument("IF2501", on=date(2025, 1, 6), listing_price=Decimal(3800))
    (event,) = market.do(ListInstrument(instrument=instrument, reference=Decimal(3800)))
    assert isinstance(event, PhaseChanged)
    assert (event.symbol, event.phase, event.trading_day) == ("IF2501", SessionPhase.CONTINUOUS, 20250106)
    assert market.do(ListInstrument(instrument=instrument, reference=Decimal(3900))) == []
    assert market.venue.reference("IF2501") == 3800
    changed = msgspec.structs.replace(instrument, listing_price=Decimal(1))
    assert market.told(market.do(ListInstrument(instrument=changed, reference=Decimal(3800)))) == ["refused DUPLICATE_ID"]


@pytest.mark.parametrize(
    ("changes", "reference", "code"),
    [
        ({"symbol": "IF.2501"}, "3800", "ID_NOT_VALID"),
        ({"expiry": date(2025, 1, 5)}, "3800", "INSTRUMENT_EXPIRED"),
        ({}, "0", "INVALID_REQUEST"),
        ({}, "NaN", "INVALID_REQUEST"),
        ({}, "1e999999", "INVALID_REQUEST"),
        ({}, "1e-999999", "INVALID_REQUEST"),
    ],
)
def test_a_contract_that_cannot_trade_is_refused(pit: Pits, changes: dict[str, Any], reference: str, code: str) -> None:
    market = pit()
    instrument = load_catalog().instrument("IF2501", on=date(2025, 1, 6), listing_price=Decimal(3800))
    listing = ListInstrument(instrument=msgspec.structs.replace(instrument, **changes), reference=Decimal(reference))
    assert market.told(market.do(listing)) == [f"refused {code}"]
    assert market.venue.instruments() == ()


def test_one_venue_keeps_one_countrys_days(pit: Pits) -> None:
    market = pit()
    instrument = load_catalog().instrument("VN30F2501", on=date(2025, 1, 6), listing_price=Decimal(1340))
    assert market.told(market.do(ListInstrument(instrument=instrument, reference=Decimal(1340)))) == ["refused MARKET_NOT_SERVED"]
    strange = msgspec.structs.replace(instrument, product=msgspec.structs.replace(instrument.product, session_group="moon"))
    assert market.told(market.do(ListInstrument(instrument=strange, reference=Decimal(1340)))) == ["refused CONFIG_INVALID"]
