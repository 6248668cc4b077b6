from decimal import Decimal

from tradepit.trading.ledger.margin import ProductMargin


def test_the_larger_side_alone_is_charged_where_relief_applies() -> None:
    margin = ProductMargin(larger_side=True)
    changes = [margin.add(Decimal(100), Decimal(0)), margin.add(Decimal(0), Decimal(70)), margin.add(Decimal(-60), Decimal(0))]
    assert changes == [100, 0, -30]
    assert margin.charged == 70


def test_both_sides_are_charged_elsewhere() -> None:
    margin = ProductMargin(larger_side=False)
    assert [margin.add(Decimal(100), Decimal(0)), margin.add(Decimal(0), Decimal(70))] == [100, 70]
    assert margin.charged == 170
