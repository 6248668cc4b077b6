"""One database of records that several members write and other programs read."""

from tests.sql_world import SqlWorld

from tradepit.backends.store.market import SqlMarketRecords


class RecordWorld(SqlWorld[SqlMarketRecords]):
    """Its members keep ticks and bars."""

    def __init__(self, url: str) -> None:
        super().__init__(url, SqlMarketRecords)
