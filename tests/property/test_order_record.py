"""Merging updates of an order is commutative, associative and idempotent, and its volume never falls."""

from functools import reduce
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from tests.order_updates import updates

from tradepit.trading.orders.order_record import OrderUpdate, merge, merge_all, record_of


@given(updates(["o"]), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_nor_grouping_matters(told: list[OrderUpdate], random: Random) -> None:
    expected = merge_all(told)
    shuffled = random.sample(told * 2, len(told) * 2)
    assert merge_all(shuffled) == expected
    if told:
        cut = random.randrange(len(told)) + 1
        left = reduce(merge, map(record_of, told[:cut]))
        assert merge(left, reduce(merge, map(record_of, told))) == expected["o"]


@given(updates(["o"]))
def test_volume_never_falls_and_a_finished_order_never_reopens(told: list[OrderUpdate]) -> None:
    for number in range(1, len(told)):
        before, after = merge_all(told[:number])["o"], merge_all(told[: number + 1])["o"]
        assert after.filled_lots >= before.filled_lots
        assert after.finished >= before.finished
        assert after.filled_lots == max(update.filled_lots for update in told[: number + 1])
