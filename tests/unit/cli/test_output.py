"""What commands print."""

import json
from decimal import Decimal

import pytest

from tradepit.cli.output import fail, print_fields, print_json, print_table
from tradepit.trading.model.errors import OutcomeUnknown, PriceWrongTick

Printed = pytest.CaptureFixture[str]


def test_one_json_document_with_exact_numbers(capsys: Printed) -> None:
    print_json({"price": Decimal("3900.20"), "rows": [1, 2]})
    assert capsys.readouterr().out == '{"price":3900.20,"rows":[1,2]}\n'


def test_a_table_shows_what_it_is_given_brackets_and_all(capsys: Printed) -> None:
    print_table("Title", ("name", "value"), [("a", 1), ("[/red]", "[bold]x"), ("b", None)])
    printed = capsys.readouterr().out
    for text in ("Title", "name", "[/red]", "[bold]x", "None"):
        assert text in printed


def test_fields_are_a_table_of_two_columns(capsys: Printed) -> None:
    print_fields("order", {"orderid": "V1", "traded": 0})
    printed = capsys.readouterr().out
    assert "orderid" in printed
    assert "V1" in printed


def test_an_error_is_told_to_people_on_standard_error(capsys: Printed) -> None:
    assert fail(PriceWrongTick(price="3900.1"), json=False) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "PRICE_WRONG_TICK: The price is not a multiple of the tick size. (price=3900.1)\n"


def test_an_error_is_told_to_programs_as_json(capsys: Printed) -> None:
    assert fail(OutcomeUnknown(client_order_id="c1"), json=True) == 5
    told = json.loads(capsys.readouterr().out)
    assert (told["success"], told["error"], told["details"]) == (False, "OUTCOME_UNKNOWN", {"client_order_id": "c1"})
