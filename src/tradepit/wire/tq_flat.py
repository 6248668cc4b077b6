"""The broker-connect contract with flat messages: one queue of requests, the rest as in the enveloped one."""

import msgspec

from tradepit.wire import tq

ORDER_EXECUTOR = "tq_order_executor"


class FlatNames(msgspec.Struct, frozen=True, kw_only=True):
    """The names a configuration may change; the defaults are the README document's. ``{portfolio_id}`` is filled in."""

    order_request_queue: str = "tq_order_requests"
    order_request_exchange: str = "tq_ws_api_request_exchange"
    order_request_routing_key: str = "PortfolioId_{portfolio_id}"


class FlatOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order without envelope. Senders may add ``action`` (SUBMIT) and ``timestamp`` (UTC nanoseconds)."""

    symbol: str
    direction: str
    offset: str
    volume: int | float
    limit_price: float | None = None
    order_id: str
    portfolio_id: str
    action: str = ""
    timestamp: int | str = 0


class FlatCancel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A cancel without envelope. ``type`` says what is cancelled; only one order (``order_id``) can be."""

    action: str
    type: str = ""
    order_id: str
    portfolio_id: str
    timestamp: int | str = 0


def contract(portfolio_id: str, names: FlatNames | None = None) -> tq.TqContract:
    """The channels of the single process for one portfolio: orders and cancels share a queue, so they keep their order."""
    told = names or FlatNames()
    # Not str.format: a configuration file's text is no format string of ours.
    key = told.order_request_routing_key.replace("{portfolio_id}", portfolio_id)
    requests = tq.request_route("tq.requests", told.order_request_queue, told.order_request_exchange, key, publish_as=key)
    return tq.TqContract(submit=requests, cancel=requests, **tq.internal_routes(tq.QueueNames()))
