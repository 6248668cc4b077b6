"""Exit codes scripts may rely on."""

import pytest

from tradepit.cli.exits import Exit, exit_of
from tradepit.runtime.order_client import Refused
from tradepit.trading.model import errors
from tradepit.trading.model.errors import TradepitError


def test_the_numbers_are_stable() -> None:
    assert {code.name: int(code) for code in Exit} == {
        "OK": 0, "FINDINGS": 1, "USAGE": 2, "REFUSED": 3, "UNAVAILABLE": 4, "UNKNOWN": 5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.BadRequest(), Exit.USAGE),
        (errors.PriceWrongTick(), Exit.USAGE),
        (errors.ConfigError(), Exit.USAGE),
        (errors.RiskRefused("TOO_MANY"), Exit.REFUSED),
        (errors.OrderNotFound(), Exit.REFUSED),
        (errors.DuplicateId(), Exit.REFUSED),
        (Refused({"error": "PRICE_WRONG_TICK"}), Exit.REFUSED),
        (errors.Unavailable(), Exit.UNAVAILABLE),
        (errors.TimedOut(), Exit.UNAVAILABLE),
        (errors.NotActive(), Exit.UNAVAILABLE),
        (errors.OutcomeUnknown(), Exit.UNKNOWN),
        (errors.JournalCorrupted(), Exit.FINDINGS),
        (errors.InternalError(), Exit.FINDINGS),
    ],
)
def test_every_error_has_its_exit(error: TradepitError, code: Exit) -> None:
    assert exit_of(error) is code


def test_an_order_of_unknown_outcome_never_exits_as_refused_or_done() -> None:
    assert exit_of(errors.OutcomeUnknown()) not in (Exit.OK, Exit.REFUSED, Exit.USAGE)
