"""Between the past a bot was shown and the market it hears nothing is missing and nothing comes twice."""

import msgspec
from tests.bot_stage import tick

from tradepit.bots.live.market_join import MarketJoin


def test_what_came_meanwhile_follows_what_was_shown_once() -> None:
    join = MarketJoin(10)
    ticks = [tick(22_499, 22_501, after_s=number / 10, volume=number) for number in range(6)]
    for each in ticks[1:5]:
        join.hold(each)
    assert join.show({"IF2501": ticks[2]}) == ticks[3:5]
    assert join.show({}) == []


def test_the_past_may_know_milliseconds_only() -> None:
    exact = tick(22_499, 22_501, after_s=1.0004567, volume=5)
    shown = msgspec.structs.replace(exact, time_ns=exact.time_ns // 1_000_000 * 1_000_000)
    join = MarketJoin(10)
    join.hold(exact)
    assert join.show({"IF2501": shown}) == []
    # The same millisecond, and more has traded: another one.
    more = msgspec.structs.replace(exact, time_ns=exact.time_ns + 100, volume_lots=6)
    assert join.is_new(more)


def test_what_is_heard_late_of_the_shown_past_is_not_new_and_other_contracts_are() -> None:
    join = MarketJoin(10)
    past = [tick(22_499, 22_501, after_s=number, volume=number) for number in range(3)]
    join.show({"IF2501": past[2]})
    assert [join.is_new(each) for each in past] == [False, False, False]
    assert join.is_new(tick(29_999, 30_001, symbol="IC2501"))
    assert join.is_new(tick(22_499, 22_501, after_s=3, volume=3))
    # From the first new one on nothing is asked any more: the board keeps the order.
    assert join.is_new(past[2])


def test_of_a_long_wait_the_newest_are_kept() -> None:
    join = MarketJoin(3)
    ticks = [tick(22_499, 22_501, after_s=number) for number in range(9)]
    for each in ticks:
        join.hold(each)
    assert join.show({}) == ticks[-3:]
