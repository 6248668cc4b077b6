"""Ids that were seen: twice is once, the oldest are forgotten, and what has no id is new every time."""

from tradepit.backends.bus.seen_ids import SeenIds


def test_an_id_is_new_once_until_it_is_forgotten() -> None:
    seen = SeenIds(most=2)
    assert [seen.repeats(each) for each in ("a", "b", "a", "c", "b", "a")] == [False, False, True, False, True, False]


def test_what_has_no_id_is_always_new() -> None:
    seen = SeenIds()
    assert not seen.repeats("")
    assert not seen.repeats("")
