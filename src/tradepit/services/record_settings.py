"""What the writers of records are told: how much they gather, how much may wait, and for how long rows are kept."""

from typing import Annotated

import msgspec

Days = Annotated[float, msgspec.Meta(ge=0, le=36_600)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=60)]


class RecordSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows are written every ``flush_s`` seconds, at most ``flush_rows`` in one transaction.

    While the database is away, up to ``max_ticks`` ticks wait in memory; what comes beyond them is fetched later from the market
    recorder's files. Orders need no such limit: they wait in the journal. ``look_s`` is between looks at statements, gaps, and rows
    that somebody has taken away. With ``fetch_past`` the files also fill records that know nothing of a contract, new or emptied.

    After ``fold_entries`` of the journal, and at each new trading day, what is known of it is kept: a start reads on from there.

    ``…_days`` are for how long rows are kept, 0 for ever: of ticks and bars before the newest tick, of finished orders with their
    fills and of risk's events before now. Positions, results and settlements are never dropped.
    """

    flush_s: Seconds = 0.25
    flush_rows: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 5_000
    max_ticks: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 200_000
    look_s: Seconds = 2.0
    fetch_past: bool = True
    fold_entries: Annotated[int, msgspec.Meta(ge=1)] = 20_000
    ticks_days: Days = 0.0
    bars_1s_days: Days = 0.0
    bars_1m_days: Days = 0.0
    orders_days: Days = 0.0
    risk_events_days: Days = 0.0
