"""The page of the broker connect: its queues, keys, tables and the fields of every message."""

import msgspec

from generator.roles import duties
from generator.text import code, doc, fields, table
from tradepit.profiles import tq as profile
from tradepit.services.tq_settings import TqServiceSettings
from tradepit.wire import tq, tq_flat

Struct = type[msgspec.Struct]
_INTRO = """# Broker connect

The contract of the profiles `tq` (enveloped messages, eight services) and `tq_flat` (flat messages, one process). Every
message is one line of JSON. Both request shapes are accepted in every request queue; a request of the other kind is
passed over, because the portfolio's routing key brings it to both queues. A message that can never be used goes to
`tq_dead_letters` with the headers `x-reason` (a [stable code](errors.md)), `x-detail` and `x-queue`. Of one larger than
16 MiB it has the first 64 KiB, and `x-size` in bytes. See
[the how-to](../how-to/connect-qpto-engine.md).
"""
_EVENTS = """`NEW` (the exchange has it), `PARTIAL_FILL`, `COMPLETE_FILL`, `CANCELLED`, `REJECTED`. A split CLOSE is told under its
own id, folded from its children, beside each child. A refusal carries `reason`; one without `insert_date_time` never was
an order and leaves an event, but no row of `order_history`.
"""
_MESSAGES: tuple[Struct, ...] = (
    tq.SubmitMessage,
    tq.SubmitPayload,
    tq.CancelMessage,
    tq.CancelPayload,
    tq_flat.FlatOrder,
    tq_flat.FlatCancel,
    tq.OrderUpdate,
    tq.PositionUpdate,
    tq.Breakdown,
    tq.AccountUpdate,
    tq.CachedBreakdown,
    tq.CachedAccount,
)


def page() -> str:
    """The page."""
    parts = [_INTRO, "## Queues", _queues(), "## Services", duties(profile.ROLES, "service"), "## Keys", _keys()]
    parts += [
        "## Events of an order",
        _EVENTS,
        "## What the services are told",
        doc(TqServiceSettings),
        fields(TqServiceSettings),
    ]
    parts += ["## Messages"]
    parts += [f"### {struct.__name__}\n\n{doc(struct)}\n\n{fields(struct)}" for struct in _MESSAGES]
    return "\n\n".join(parts)


def _queues() -> str:
    routes = dict.fromkeys((*tq.contract("<portfolio_id>").routes, *tq_flat.contract("<portfolio_id>").routes))
    rows = [
        (code(route.queue), code(route.exchange), route.exchange_type, ", ".join(map(code, route.bindings))) for route in routes
    ]
    return table(("queue", "exchange", "type", "bound to"), rows)


def _keys() -> str:
    hour = f"{tq.KEY_TTL_S:.0f} s"
    rows = [
        (code(tq.position_key("{id}", "{symbol}")), "net lots, a whole number, negative for short", hour),
        (code(tq.breakdown_key("{id}", "{symbol}")), "[CachedBreakdown](#cachedbreakdown)", hour),
        (code(tq.account_key("{id}")), "[CachedAccount](#cachedaccount)", hour),
    ]
    return table(("key", "value", "time to live"), rows)
