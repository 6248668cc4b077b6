"""A bot's numbers on an account only rise."""

from collections.abc import Callable

import pytest

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.duplicate import Duplicate
from tradepit.trading.risk.exposure import Exposure


@pytest.mark.parametrize(("sequence", "passes"), [(6, True), (9, True), (5, False), (1, False), (0, True)])
def test_a_number_must_be_above_the_last_one(
    sequence: int, passes: bool, exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    exposure.on_request(make_intent(bot="b", sequence=5))
    exposure.on_request(make_intent(bot="b", sequence=3))
    refused = Duplicate().check(make_intent(bot="b", sequence=sequence), exposure, now)
    assert (refused is None) is passes
    if refused is not None:
        assert (refused.code, refused.limit, refused.value) == ("DUPLICATE", "> 5", str(sequence))


def test_bots_accounts_and_orders_of_nobody_do_not_disturb_each_other(
    exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    exposure.open_account("b", exposure.books["a"].opening_equity)
    exposure.on_request(make_intent(bot="b", sequence=5))
    for other in (make_intent(bot="c", sequence=1), make_intent(account="b", bot="b", sequence=1), make_intent(sequence=1)):
        assert Duplicate().check(other, exposure, now) is None
