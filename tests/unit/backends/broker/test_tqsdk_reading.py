"""TqSDK's collections: what has come to one since the last look is found without going through all of it."""

from typing import Any

from tradepit.backends.broker.tqsdk_reading import added_since, entries


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
