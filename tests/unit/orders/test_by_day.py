"""Things by trading day."""

from tradepit.trading.orders.by_day import ByDay


def test_earlier_days_are_taken_out_oldest_first_and_once() -> None:
    kept = ByDay[str]()
    kept.add(20250107, "b", "c")
    kept.add(20250106, "a")
    kept.add(20250108, "d")
    kept.add(20250109)
    assert kept.take_before(20250108) == ["a", "b", "c"]
    assert kept.take_before(20250108) == []
    assert kept.take_before(20250109) == ["d"]


def test_what_came_before_the_first_day_had_a_name_belongs_to_it() -> None:
    kept = ByDay[str]()
    kept.add(0, "early")
    kept.add(20250106, "later")
    kept.name_first_day(20250106)
    kept.name_first_day(20250107)
    assert kept.take_before(20250106) == []
    assert sorted(kept.take_before(20250107)) == ["early", "later"]


def test_days_are_told_with_what_is_kept_under_each() -> None:
    kept = ByDay[str]()
    kept.add(20250107, "b", "c")
    kept.add(20250106, "a")
    assert dict(kept.days()) == {20250107: ["b", "c"], 20250106: ["a"]}
    assert dict(ByDay[str]().days()) == {}
