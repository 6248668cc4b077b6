"""The Data API's benchmark asks every question of both caches, beside the bare handler."""

from tradepit.cli.bench.data import measure


def test_every_question_is_asked_of_both_caches() -> None:
    told = measure(seconds=0.2)
    kinds = {"snapshot", "window_100", "window_4096", "bars_60"}
    assert told.redis is not None
    assert told.redis_ratio is not None
    assert set(told.memory) == set(told.redis) == set(told.memory_ratio) == set(told.redis_ratio) == kinds
    assert told.bare.n == told.memory["snapshot"].n > 0
    assert all(each.p50 > 0 for each in (told.bare, *told.memory.values(), *told.redis.values()))
    assert min(told.memory_ratio.values()) > 0
