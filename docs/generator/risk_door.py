"""The page of the risk door: its HTTP paths, and the bodies that go in and come out."""

from generator.text import code, doc, fields, table
from tradepit.web.risk_routes import ROUTES, HaltOrder, LimitsChange, Proposal, ResumeOrder, WaitingHalts
from tradepit.wire.order_controls import AuditReply, Evaluation, HaltStanding, LimitsReply, ScopeLimits, StateReply

_INTRO = """# Risk door

The role `risk-api` answers HTTP on this machine alone (`risk_api.host`, `risk_api.port`; port 0 takes any free one, told in its
heartbeat): whoever reaches it can stop and start trading, and it does not ask who they are. A host beyond loopback is refused
at start, a request whose `Host` is not this door's with `HOST_NOT_ALLOWED` (403), a body that is not `application/json` with
`INVALID_REQUEST`. What it cannot pass on it refuses with 503 and the code; asking again is harmless.

A change carries `who` and `reason`, which are kept in the audit, and may carry a header `Idempotency-Key`: repeated under it, it
counts once; the key of another change is refused (409, `DUPLICATE_ID`). Limits are changed against the revision that was seen:
`If-Match` is the `ETag` of the scope, or `*`; another one is refused (412, `REVISION_CONFLICT`), none too (428).

A halt is put into the house's data folder (`halts/`) before order management is asked. It is answered with 200 once it has been
carried out, and with 202 while nobody could: then it holds before another order is taken, whatever died. See
[stop trading](../how-to/stop-trading.md).
"""


def page() -> str:
    """The page."""
    paths = [
        (
            ", ".join(sorted(route.http_methods - {"OPTIONS"})),
            ", ".join(code(path) for path in sorted(route.paths)),
            doc(route.fn),
        )
        for route in ROUTES
    ]
    bodies = (
        LimitsChange,
        HaltOrder,
        ResumeOrder,
        Proposal,
        HaltStanding,
        WaitingHalts,
        StateReply,
        LimitsReply,
        ScopeLimits,
        Evaluation,
        AuditReply,
    )
    parts = [_INTRO, "## Paths", table(("method", "path", "answer"), paths), "## Bodies"]
    parts += [f"### {each.__name__}\n\n{doc(each)}\n\n{fields(each)}" for each in bodies]
    return "\n\n".join(parts)
