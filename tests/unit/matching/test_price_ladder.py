from random import Random

import pytest

from tradepit.trading.matching.price_ladder import PriceLadder


@pytest.mark.parametrize("sign", [1, -1])
def test_the_best_price_is_under_the_last_key(sign: int) -> None:
    ladder = PriceLadder(sign)
    for order_id, price in enumerate((105, 103, 108, 103), start=1):
        ladder.put(price * sign, order_id, 2)
    assert [key * sign for key in reversed(ladder.keys)] == ([108, 105, 103] if sign > 0 else [103, 105, 108])
    assert list(ladder.levels[103 * sign].items()) == [(2, 2), (4, 2)], "the older first"


def test_counting_stops_when_there_is_enough() -> None:
    ladder = PriceLadder(1)
    for order_id, price in enumerate((100, 99, 98, 98), start=1):
        ladder.put(price, order_id, 10)
    assert [ladder.available(98, lots) for lots in (1, 10, 11, 21, 99)] == [10, 10, 20, 40, 40]
    assert ladder.available(99, 99) == 20
    assert ladder.available(101, 99) == 0


def test_prices_come_and_go_in_any_order() -> None:
    ladder, dice = PriceLadder(1), Random(3)
    waiting: dict[int, int] = {}
    for order_id in range(1, 3_000):
        if waiting and dice.random() < 0.5:
            gone = dice.choice(list(waiting))
            level = ladder.levels[waiting[gone]]
            assert level.pop(gone) == gone
            if not level:
                ladder.drop(waiting[gone])
            del waiting[gone]
        else:
            waiting[order_id] = dice.randrange(50)
            ladder.put(waiting[order_id], order_id, order_id)
        assert ladder.keys == sorted(set(waiting.values()))
        assert set(ladder.levels) == set(ladder.keys)
