"""How a recorder's copy compares with what was played."""

import msgspec


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A recording beside the recorder's copy of it: rows in each, and whether every column of every row is the same."""

    rows: int
    copied: int
    equal: bool
