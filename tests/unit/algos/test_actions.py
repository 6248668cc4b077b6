"""Actions as orders."""

from collections.abc import Callable

from tradepit.trading.algos.actions import SendChild
from tradepit.trading.algos.params import AlgoParams
from tradepit.trading.model.terms import OrderType


def test_a_child_becomes_an_order_of_the_algorithms_account(make_params: Callable[..., AlgoParams]) -> None:
    send = SendChild(client_order_id="algo-7-0-0", lots=3, price_ticks=1001, order_type=OrderType.FAK, created_ns=5)
    intent, params = send.intent(make_params()), make_params()
    assert (intent.account, intent.symbol, intent.side, intent.offset) == (
        params.account,
        params.symbol,
        params.side,
        params.offset,
    )
    assert (intent.client_order_id, intent.volume_lots, intent.price_ticks, intent.created_ns) == ("algo-7-0-0", 3, 1001, 5)
    assert intent.reference == "algo-7"
