"""What SSI lists, by the names of the house."""

from decimal import Decimal

import pytest

from tradepit.backends.broker.ssi.contracts import SsiContracts
from tradepit.backends.broker.ssi.frames import MasterRow
from tradepit.backends.broker.ssi.news import ToldLimits
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import ConfigError, InstrumentNotFound

DAY, NEXT = 20250106, 20250107


def row(name: str, reference: int, ceiling: int = 1433) -> MasterRow:
    return MasterRow(symbol=name, ceiling=Decimal(ceiling), floor=Decimal(ceiling - 200), ref_price=Decimal(reference))


def test_contracts_are_known_by_both_names_and_a_rolling_one_by_the_day() -> None:
    contracts = SsiContracts(load_catalog(), ("VN30F2501", "VN30F1M", "VN30F2M"))
    assert contracts.codes(DAY) == ["41I1F1000", "41I1F1000", "41I1F2000"]
    # The day after the third Thursday.
    assert contracts.code_of("VN30F1M", 20250117) == "41I1F2000"
    contracts.learn(DAY, {"41I1F1000": row("41I1F1000", 1340), "VN30F2M": row("VN30F2M", 1345)})
    assert {symbol: name for symbol, (_, name) in contracts.contracts.items()} == {
        "VN30F2501": "41I1F1000",
        "VN30F1M": "41I1F1000",
        "VN30F2M": "VN30F2M",
    }
    assert set(contracts.by_name) == {"VN30F2501", "VN30F1M", "VN30F2M", "41I1F1000"}
    assert contracts.awaits == frozenset()


def test_what_is_not_listed_yet_stays_and_is_awaited() -> None:
    contracts = SsiContracts(load_catalog(), ("VN30F2501", "VN30F2502"))
    contracts.learn(DAY, {"41I1F1000": row("41I1F1000", 1340)})
    assert (set(contracts.contracts), set(contracts.awaits)) == ({"VN30F2501"}, {"VN30F2502"})
    contracts.learn(NEXT, {"41I1F1000": row("41I1F1000", 0), "41I1F2000": row("41I1F2000", 1350, ceiling=0)})
    assert contracts.market["VN30F2501"].ref_price == 1340
    assert contracts.market["VN30F2502"].ref_price == 1350
    assert (set(contracts.awaits), set(contracts.unlisted)) == ({"VN30F2501", "VN30F2502"}, {"VN30F2501"})
    contracts.learn_limits(ToldLimits(symbol="41I1F2000", ceiling=Decimal(1440), floor=Decimal(1250), reference=Decimal(1351)))
    assert contracts.market["VN30F2502"] == MasterRow(
        symbol="41I1F2000", ceiling=Decimal(1440), floor=Decimal(1250), ref_price=Decimal(1351)
    )


def test_other_exchanges_contracts_and_unknown_ones_are_refused() -> None:
    with pytest.raises(ConfigError):
        SsiContracts(load_catalog(), ("IF2501",)).codes(DAY)
    with pytest.raises(InstrumentNotFound):
        SsiContracts(load_catalog(), ("nothing",)).codes(DAY)
