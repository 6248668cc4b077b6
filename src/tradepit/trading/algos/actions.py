"""What an algorithm wants done: send a child order, cancel it, or be told finished."""

import msgspec

from tradepit.trading.algos.params import AlgoParams
from tradepit.trading.algos.status import AlgoStatus
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import OrderType


class SendChild(msgspec.Struct, frozen=True, kw_only=True, tag="send"):
    """Send a child order. The same id may be asked for again, always with the same terms, until it is acknowledged."""

    client_order_id: str
    lots: int
    price_ticks: int
    order_type: OrderType
    created_ns: int

    def intent(self, params: AlgoParams) -> OrderIntent:
        """The order to submit; the algorithm's id is its reference."""
        return OrderIntent(
            client_order_id=self.client_order_id,
            account=params.account,
            symbol=params.symbol,
            exchange=params.exchange,
            side=params.side,
            offset=params.offset,
            order_type=self.order_type,
            price_ticks=self.price_ticks,
            volume_lots=self.lots,
            created_ns=self.created_ns,
            reference=params.algo_id,
        )


class CancelChild(msgspec.Struct, frozen=True, kw_only=True, tag="cancel"):
    """Cancel what is left of a child. May be asked for again until the child is finished."""

    client_order_id: str


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag="finished"):
    """The algorithm is over: nothing of it works any more. ``reason`` is a stable code, empty when all was traded."""

    algo_id: str
    status: AlgoStatus
    filled_lots: int
    unfilled_lots: int
    reason: str


Action = SendChild | CancelChild | Finished
