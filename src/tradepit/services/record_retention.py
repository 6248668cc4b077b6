"""Old rows are dropped by whoever writes them: a part at a time, so that nobody waits long."""

from collections.abc import Awaitable, Callable

import msgspec
from loguru import logger

from tradepit.ports.clock import Clock
from tradepit.services.queue_worker import Figures
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.records.record_fold import RecordFold

_DAY_NS = 86_400_000_000_000
_LOOK_S, _PAUSE_S = 60.0, 0.02


class Kept(msgspec.Struct, frozen=True):
    """For how many days rows of a table are kept, and who drops those of before an instant; 0 for ever."""

    table: str
    days: float
    drop_before: Callable[[int], Awaitable[int]]


class RecordRetention:
    """A sideline. ``newest_ns`` is the instant from which ages are reckoned, 0 while it is not known."""

    name = "retention"

    def __init__(self, kept: list[Kept], clock: Clock, newest_ns: Callable[[], int]) -> None:
        self._kept, self._clock, self._newest_ns = [each for each in kept if each.days > 0], clock, newest_ns
        self._dropped = 0
        self._problem = ""

    async def start(self, fold: Callable[[], RecordFold]) -> None:
        """What the journal says does not matter."""

    async def stop(self) -> None:
        """Nothing is held."""

    def figures(self) -> Figures:
        return {"dropped_by_age": self._dropped, "retention_problem": self._problem}

    async def run(self) -> None:
        while self._kept:
            await self.drop()
            await self._clock.sleep(_LOOK_S)

    async def drop(self) -> None:
        """Drop all that is too old now. What cannot be dropped now is dropped later."""
        now_ns, problem = self._newest_ns(), ""
        for kept in self._kept:
            try:
                while now_ns and (gone := await kept.drop_before(now_ns - int(kept.days * _DAY_NS))):
                    self._dropped += gone
                    await self._clock.sleep(_PAUSE_S)
            except TradepitError as error:
                problem = f"{kept.table}: {error}"[:200]
                logger.warning("old rows of {} wait: {}", kept.table, error)
        self._problem = problem
