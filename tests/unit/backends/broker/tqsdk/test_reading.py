"""TqSDK's collections: what has come to one since the last look is found without going through all of it."""

from types import SimpleNamespace
from typing import Any

from tradepit.backends.broker.tqsdk.reading import added_since, entries, read_tick


class Collection:
    """As TqSDK's: entries are attributes, its own begin with an underscore."""

    def __init__(self, **fields: Any) -> None:
        self._path, self._listener = ["trade"], object()
        self.__dict__.update(fields)


def test_what_was_added_comes_in_its_order() -> None:
    held = Collection(a=1, b=2)
    assert added_since(held, 0) == [("a", 1), ("b", 2)]
    count = len(entries(held))
    assert added_since(held, count) == []
    held.__dict__.update(c=3, d=4)
    assert added_since(held, count) == [("c", 3), ("d", 4)]


def test_when_something_has_gone_everything_is_looked_at_again() -> None:
    held = Collection(a=1, b=2, c=3)
    count = len(entries(held))
    del held.__dict__["a"]
    assert added_since(held, count) == [("b", 2), ("c", 3)]


def test_a_market_is_read_with_its_levels_until_the_first_gap_and_its_time_is_chinas() -> None:
    nan = float("nan")
    book = {f"{side}_{what}{place}": nan for side in ("bid", "ask") for what in ("price", "volume") for place in range(1, 6)}
    book |= {"bid_price1": 3499.0, "bid_volume1": 3, "bid_price2": 3498.0, "bid_volume2": 2, "ask_price1": nan, "ask_volume1": 0}
    quote = SimpleNamespace(
        datetime="2025-01-03 21:00:00.500001", price_tick=1.0, last_price=3500.0, volume=10, amount=nan, open_interest=5, open=nan,
        highest=3501.0, lowest=3499.0, upper_limit=4000.0, lower_limit=3000.0, pre_close=3490.0, pre_settlement=3495.5, **book,
    )  # fmt: skip
    tick = read_tick("SHFE.rb2505", quote)
    assert tick is not None
    # Friday night in China is Monday's session.
    assert (tick.time_ns, tick.trading_day) == (1_735_909_200_500_001_000, 20250106)
    assert (tick.bids, tick.asks) == ([(3499.0, 3), (3498.0, 2)], [])
    assert (tick.last, tick.open, tick.turnover) == (3500.0, 0.0, 0.0)
    quote.volume = quote.last_price = 1.7976931348623157e308
    assert (tick := read_tick("SHFE.rb2505", quote)) is not None
    assert (tick.volume, tick.last) == (0, 0.0)
    quote.datetime = ""
    assert read_tick("SHFE.rb2505", quote) is None
