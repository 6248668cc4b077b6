"""Where two tellings of one contract's bars meet: each interval once, the better known one of both."""

from collections.abc import Sequence

from tradepit.web.data_question import Part
from tradepit.wire.data_api import Bar


def joined(past: Sequence[Bar], hot: Sequence[Bar], seam_ms: int, part: Part) -> tuple[list[Bar], int | None]:
    """Bars of both, oldest first, and where to go on when there are more than asked for.

    From the seam on the hot window's count; before it the store's do, and what the store does not have (it may be late) the hot
    window may. Both tell the ``limit`` first and one more, or the newest, so that what is cut off here is all that is left out.
    """
    found = {bar.time_ms: bar for bar in hot}
    found |= {bar.time_ms: bar for bar in past if bar.time_ms < seam_ms}
    bars = [found[time_ms] for time_ms in sorted(found)]
    if part.newest:
        return bars[-part.newest :], None
    return bars[: part.limit], bars[part.limit].time_ms if len(bars) > part.limit else None
