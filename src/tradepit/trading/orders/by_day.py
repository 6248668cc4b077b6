"""Things by the trading day they belong to, so that those of long ago can be forgotten."""

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class ByDay(Generic[T]):
    """Lists by trading day (YYYYMMDD). Day 0 is the day whose name is not known yet."""

    def __init__(self) -> None:
        self._days: dict[int, list[T]] = {}

    def add(self, day: int, *things: T) -> None:
        """Keep ``things`` under ``day``."""
        if things:
            self._days.setdefault(day, []).extend(things)

    def name_first_day(self, day: int) -> None:
        """What was kept under day 0 belongs to ``day``."""
        self.add(day, *self._days.pop(0, ()))

    def take_before(self, day: int) -> list[T]:
        """Take out everything of earlier days, oldest day first."""
        early = sorted(known for known in self._days if known < day)
        return [thing for known in early for thing in self._days.pop(known)]

    def days(self) -> Iterator[tuple[int, Sequence[T]]]:
        """Each day with what is kept under it; to be read, never changed."""
        yield from self._days.items()
