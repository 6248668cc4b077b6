"""Numbers on ticks: gaps and repetitions are counted per symbol and run."""

import pytest

from tradepit.runtime.tick_sequence import RUN_HEADER, SEQUENCE_HEADER, Seen, SequenceWatch, number_headers


def test_headers_carry_run_and_number() -> None:
    assert number_headers("r1", 7) == {RUN_HEADER: "r1", SEQUENCE_HEADER: "7"}


def test_gaps_are_counted_where_they_are() -> None:
    watch = SequenceWatch()
    assert watch.see("IF", number_headers("r", 1)) == (True, 0)
    assert watch.see("IF", number_headers("r", 2)) == (True, 0)
    assert watch.see("IF", number_headers("r", 5)) == (True, 2)
    assert watch.see("IC", number_headers("r", 9)) == (True, 0)
    assert watch.missing == {"IF": 2}


def test_repeated_ticks_are_not_new() -> None:
    watch = SequenceWatch()
    watch.see("IF", number_headers("r", 4))
    assert watch.see("IF", number_headers("r", 4)) == (False, 0)
    assert watch.see("IF", number_headers("r", 3)) == (False, 0)
    assert watch.repeated == 2


def test_a_new_run_begins_at_one() -> None:
    watch = SequenceWatch()
    watch.see("IF", number_headers("r", 900))
    assert watch.see("IF", number_headers("s", 1)) == (True, 0)
    assert watch.see("IF", number_headers("t", 4)) == (True, 3)


def test_what_was_remembered_is_continued() -> None:
    watch = SequenceWatch()
    watch.remember("IF", Seen("r", 10))
    assert watch.see("IF", number_headers("r", 14)) == (True, 3)
    assert watch.seen("IF") == Seen("r", 14)
    assert watch.seen("IC") == Seen("", 0)


@pytest.mark.parametrize("text", ["", "x", "²" * 3, "9" * 5000, "-1", "1.5"])
def test_ticks_without_a_number_are_new(text: str) -> None:
    watch = SequenceWatch()
    watch.see("IF", number_headers("r", 1))
    assert watch.see("IF", {}) == (True, 0)
    assert watch.see("IF", {RUN_HEADER: "r"}) == (True, 0)
    assert watch.see("IF", {RUN_HEADER: "r", SEQUENCE_HEADER: text}) == (True, 0)
