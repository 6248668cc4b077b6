"""One database that several members write and other programs read."""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy.ext.asyncio import create_async_engine


class Member(Protocol):
    """What is made of a URL and connects to it."""

    async def connect(self) -> None: ...


MemberT = TypeVar("MemberT", bound=Member)


class SqlWorld(Generic[MemberT]):
    """Members are closed by whoever made the world."""

    def __init__(self, url: str, make: Callable[..., MemberT]) -> None:
        self.url, self._make = url, make
        self.members: list[Any] = []

    def member(self, **how: Any) -> MemberT:
        made = self._make(self.url, **{"timeout_s": 120.0, **how})
        self.members.append(made)
        return made

    async def join(self, **how: Any) -> MemberT:
        made = self.member(**how)
        await made.connect()
        return made

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
