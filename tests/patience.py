"""How long a test waits for what must come from other processes, on whatever machine: only one that fails waits so long."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tradepit.trading.model.errors import Unavailable

PATIENCE_S = 120.0
_LOOK_S = 0.02
T = TypeVar("T")


async def until(true: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until something is true. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while not (told if isinstance(told := true(), bool) else await told):  # noqa: ASYNC110 - what is waited for happens elsewhere
            await asyncio.sleep(_LOOK_S)


async def at_last(work: Callable[[], Awaitable[T]]) -> T:
    """What somebody of little patience gets in the end: asked again while it is not to be had in time. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await work()
            except Unavailable:
                await asyncio.sleep(_LOOK_S)
