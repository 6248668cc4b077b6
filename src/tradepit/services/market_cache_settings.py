"""What the writer of the hot window is told: how far back it reaches, and how often it writes."""

from typing import Annotated

import msgspec


class MarketCacheSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hot window of every contract in the cache. Ticks and bars of a second reach back ``window_min`` minutes, bars of a minute
    ``bars_h`` hours; newest tick, book and phase are kept ``newest_h`` hours.

    ``flush_ms`` is the pause between two writes, ``check_s`` between two looks whether the cache still holds what was written.
    ``most_ticks`` of a contract are held here, to be written again to a cache that forgot them. A tick dated more than ``ahead_s``
    before its time is refused: the window would move on to it, and the others be too old.

    Where there is a store, ticks from before a contract's first one are taken from its records, ``refill_s`` after that first one:
    records are a little late.
    """

    window_min: Annotated[int, msgspec.Meta(ge=5, le=60)] = 60
    bars_h: Annotated[int, msgspec.Meta(ge=1, le=720)] = 24
    newest_h: Annotated[int, msgspec.Meta(ge=1, le=720)] = 168
    flush_ms: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100
    check_s: Annotated[float, msgspec.Meta(gt=0, le=3_600)] = 1.0
    most_ticks: Annotated[int, msgspec.Meta(ge=1_000, le=1_000_000)] = 100_000
    refill_s: Annotated[float, msgspec.Meta(ge=0, le=3_600)] = 10.0
    ahead_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 60.0

    @property
    def window_ms(self) -> int:
        """How far back ticks reach."""
        return self.window_min * 60_000

    @property
    def bars_ms(self) -> int:
        """How far back bars of a minute reach: at least as far as ticks."""
        return max(self.bars_h * 3_600_000, self.window_ms)
