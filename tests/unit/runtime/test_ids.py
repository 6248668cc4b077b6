"""Ids are tokens, unique, and sort by the time of their making."""

import pytest

from tradepit.runtime import ids
from tradepit.trading.model.ids import check_id


def test_ids_are_tokens_and_do_not_repeat() -> None:
    made = [ids.new_id("C") for _ in range(2_000)]
    assert len(set(made)) == len(made)
    assert {check_id(one, "id") for one in made} == set(made)
    assert {len(one) for one in made} == {21}


def test_ids_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for millis in (1, 31, 32, 1_700_000_000_000, 2**45):
        monkeypatch.setattr("tradepit.runtime.ids.time.time_ns", lambda now=millis: now * 1_000_000)
        made.append(ids.new_id())
    assert made == sorted(made)


def test_a_sequence_is_the_same_every_time() -> None:
    sequence = ids.IdSequence("T")
    assert [sequence(), sequence(), sequence()] == ["T1", "T2", "T3"]
