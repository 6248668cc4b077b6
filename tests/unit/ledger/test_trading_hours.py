from random import Random

import pytest

from tradepit.trading.ledger.trading_hours import HOUR_NS, Sessions, TradingHours, hours_of

MORNING, LUNCH, AFTERNOON, CLOSE = (minute * HOUR_NS // 60 for minute in (570, 690, 780, 900))
DAY: Sessions = ((MORNING, LUNCH), (AFTERNOON, CLOSE))


def naive(sessions: Sessions, time_ns: int) -> tuple[int, int]:
    """As it is said: nanosecond by nanosecond counted, in closed form."""
    total = sum(end - start for start, end in sessions)
    elapsed = sum(max(0, min(time_ns, end) - start) for start, end in sessions)
    if not any(start <= time_ns < end for start, end in sessions):
        elapsed = max(0, elapsed - 1)
    return elapsed, (total - elapsed - 1) // HOUR_NS if total else 0


@pytest.mark.parametrize(
    "sessions",
    [DAY, ((MORNING, LUNCH + HOUR_NS // 3),), ((1, 5),), ((0, HOUR_NS // 2), (HOUR_NS, 2 * HOUR_NS), (3 * HOUR_NS, 7 * HOUR_NS))],
)
def test_instants_in_any_order_lie_where_counting_puts_them(sessions: Sessions) -> None:
    hours, dice = TradingHours(sessions), Random(7)
    edges = [edge + step for session in sessions for edge in session for step in (-HOUR_NS, -1, 0, 1, HOUR_NS - 1, HOUR_NS)]
    instants = [*edges, *(dice.randrange(sessions[-1][1] + HOUR_NS) for _ in range(3_000))]
    dice.shuffle(instants)
    for time_ns in [*instants, *sorted(instants)]:
        assert hours.place(time_ns) == naive(sessions, time_ns), time_ns


def test_a_day_without_sessions_is_one_hour() -> None:
    assert TradingHours(()).hours == 1
    assert TradingHours(()).place(5) == TradingHours(()).place(10**18) == (0, 0)


def test_equal_days_share_their_hours() -> None:
    assert hours_of(DAY) is hours_of(tuple(DAY))
    assert hours_of(DAY).hours == 4
