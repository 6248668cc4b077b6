"""Which topics there are: looked up again and again while somebody reads a channel, so that new ones are found."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping

from loguru import logger

from tradepit.backends.bus.kafka_link import KafkaLink
from tradepit.trading.model.errors import TradepitError

_LOOK_S = 0.5
Partitions = set[tuple[str, int]]
OnTopics = Callable[[Partitions, str], None]


class TopicWatch:
    """Tells each of its readers, twice a second, the partitions of the topics it reads."""

    def __init__(self, link: KafkaLink) -> None:
        self._link = link
        self._readers: dict[OnTopics, re.Pattern[str]] = {}
        self._task: asyncio.Task[None] | None = None

    async def look(self, pattern: re.Pattern[str]) -> Partitions:
        """The partitions of the topics that match, now. Raises Unavailable."""
        return _matching(await self._link.topics(), pattern)

    def follow(self, pattern: re.Pattern[str], reader: OnTopics) -> None:
        """Tell ``reader`` from now on, whether something changed or not; with it the id of the cluster that has them."""
        self._readers[reader] = pattern
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="kafka-topics")

    def leave(self, reader: OnTopics) -> None:
        """Tell a reader no more. Idempotent."""
        self._readers.pop(reader, None)

    async def stop(self) -> None:
        """Look no more. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            if not self._readers:
                continue
            try:
                topics = await self._link.topics()
            except TradepitError as error:
                logger.debug("the topics cannot be looked up: {}", error)
                continue
            for reader, pattern in tuple(self._readers.items()):
                reader(_matching(topics, pattern), self._link.cluster)


def _matching(topics: Mapping[str, int], pattern: re.Pattern[str]) -> Partitions:
    return {(topic, number) for topic, count in topics.items() if pattern.fullmatch(topic) for number in range(count)}
