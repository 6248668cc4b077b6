"""The error tree: every class has its own stable code, a default message, and a place in the drawing."""

import pytest

from tradepit.trading.model import errors
from tradepit.trading.model.errors import PriceWrongTick, RequestRefused, RiskRefused, TradepitError

KINDS = sorted(
    {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, TradepitError) and kind.__name__[0] != "_"
    },
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_says_what_it_is(kind: type[TradepitError]) -> None:
    assert kind.__doc__
    assert kind.__name__ in (errors.__doc__ or "")
    assert kind.code.isupper()


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in KINDS if kind is not TradepitError]
    assert len(codes) == len(set(codes))


def test_a_message_defaults_to_the_docstring_and_details_are_shown() -> None:
    error = PriceWrongTick(symbol="IF2501", price="3900.1")
    assert error.message == "The price is not a multiple of the tick size."
    assert str(error) == "PRICE_WRONG_TICK: The price is not a multiple of the tick size. (symbol=IF2501 price=3900.1)"
    assert error.details == {"symbol": "IF2501", "price": "3900.1"}
    assert isinstance(error, RequestRefused)


def test_a_rules_refusal_carries_the_rules_code() -> None:
    error = RiskRefused("TOO_MANY", "no more", limit=10)
    assert (error.reason_code, error.code) == ("TOO_MANY", "RISK_REFUSED")
    assert str(error) == "TOO_MANY: no more (limit=10)"
    assert RiskRefused("X").message == "A risk rule refused the order."
