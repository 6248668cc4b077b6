"""One database of records that several members write and other programs read."""

from typing import Any

from sqlalchemy.ext.asyncio import create_async_engine

from tradepit.backends.store.market import SqlMarketRecords


class RecordWorld:
    """Members are closed by whoever made the world."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.members: list[Any] = []

    def member(self, **how: Any) -> SqlMarketRecords:
        records = SqlMarketRecords(self.url, **{"timeout_s": 20.0, **how})
        self.members.append(records)
        return records

    async def join(self, **how: Any) -> SqlMarketRecords:
        records = self.member(**how)
        await records.connect()
        return records

    @property
    def on_postgres(self) -> bool:
        return self.url.startswith("postgresql")

    async def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """What another program gets to see; its statements are committed together."""
        engine = create_async_engine(self.url)
        try:
            async with engine.begin() as connection:
                for statement in statements:
                    found = await connection.exec_driver_sql(statement)
                return [tuple(row) for row in found] if found.returns_rows else []
        finally:
            await engine.dispose()
