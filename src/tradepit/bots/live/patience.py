"""Waiting for a house that may be away, and for a bot that may not return."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from loguru import logger

from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import NotActive, OutcomeUnknown, Unavailable

T = TypeVar("T")
_RETRY_S = 0.2


async def insist(work: Callable[[], Awaitable[T]], clock: Clock, who: str) -> T:
    """Do ``work`` until the house answers: what follows makes no sense without it."""
    waited = False
    while True:
        try:
            return await work()
        except (Unavailable, NotActive, OutcomeUnknown) as error:
            if not waited:
                logger.info("bot {} waits for the house: {}", who, error)
            waited = True
            await clock.sleep(_RETRY_S)


async def within(seconds: float, work: Awaitable[None], clock: Clock) -> bool:
    """False when ``work`` was not done after ``seconds``; it is cancelled then. What it raises comes out of here."""
    doing = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        ended = doing.done()
    finally:
        doing.cancel()
        waiting.cancel()
    told = await asyncio.gather(doing, waiting, return_exceptions=True)
    if ended and isinstance(told[0], Exception):
        raise told[0]
    return ended
