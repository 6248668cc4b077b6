"""Which part of a contract's past is asked for: the newest ones, the last while, or an interval; one of them."""

import msgspec

from tradepit.ports.series import MOST_MS
from tradepit.trading.model.errors import BadRequest
from tradepit.wire.data_api import MOST_ROWS

NEWEST = 100
LIMIT = 1_000
MOST_SPAN_MS = 31 * 86_400_000


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The ``newest`` ones up to ``end_ms``, or where that is 0 all from ``start_ms`` to ``end_ms`` (both included), the ``limit`` first."""

    start_ms: int = 0
    end_ms: int = MOST_MS
    limit: int = LIMIT
    newest: int = 0


def part_of(
    now_ms: int, *, n: int | None, span_ms: int | None, start_ms: int | None, end_ms: int | None, limit: int | None
) -> Part:
    """What the parameters of a request mean; without any, the newest hundred. Raises BadRequest."""
    given = [name for name, value in (("n", n), ("span_ms", span_ms), ("start_ms", start_ms)) if value is not None]
    if len(given) > 1:
        raise BadRequest(f"choose one of {', '.join(given)}")
    if given in ([], ["n"]):
        if limit is not None:
            raise BadRequest("limit belongs to span_ms or start_ms; n says how many", limit=limit)
        newest = NEWEST if n is None else n
        _check("n", newest, 1, MOST_ROWS)
        end = MOST_MS if end_ms is None else end_ms
        _check("end_ms", end, 0, MOST_MS)
        return Part(end_ms=end, newest=newest)
    end = now_ms if end_ms is None else end_ms
    _check("end_ms", end, 0, MOST_MS)
    if span_ms is not None:
        _check("span_ms", span_ms, 1, MOST_SPAN_MS)
        start = max(0, end - span_ms)
    else:
        start = start_ms or 0
        _check("start_ms", start, 0, MOST_MS)
        if end_ms is not None and start > end:
            raise BadRequest("the interval ends before it begins", start_ms=start, end_ms=end)
        if end - start > MOST_SPAN_MS:
            raise BadRequest(f"an interval has at most {MOST_SPAN_MS} ms: ask for its parts", start_ms=start, end_ms=end)
    most = LIMIT if limit is None else limit
    _check("limit", most, 1, MOST_ROWS)
    # Clocks differ a little: without an end nothing is too new.
    return Part(start_ms=start, end_ms=MOST_MS if end_ms is None else end, limit=most)


def _check(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise BadRequest(f"{name} must be from {least} to {most}", **{name: value})
