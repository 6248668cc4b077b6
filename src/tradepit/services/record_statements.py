"""Daily statements into the records: the exchange is asked for each account's once a day has been settled."""

from collections.abc import Callable

from loguru import logger

from tradepit.ports.clock import Clock
from tradepit.ports.trading_records import TradingRecords
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.services.queue_worker import Figures
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.records.record_fold import RecordFold


class RecordStatements:
    """A sideline. Every day that the journal has seen settled is asked for, of every account it knows, until it is kept.

    The exchange remembers its last forty days; what it does not know (of an account that was not open yet) is not asked for again.
    """

    name = "statements"

    def __init__(self, records: TradingRecords, desk: ExchangeDesk, clock: Clock, *, look_s: float) -> None:
        self._records, self._desk, self._clock, self._look_s = records, desk, clock, look_s
        self._done: set[tuple[str, int]] = set()
        self._fold: Callable[[], RecordFold] = RecordFold
        self._kept = 0
        self._problem = ""

    async def start(self, fold: Callable[[], RecordFold]) -> None:
        self._fold = fold

    async def stop(self) -> None:
        """Nothing is held."""

    def figures(self) -> Figures:
        return {"statements": self._kept, "statements_problem": self._problem}

    async def run(self) -> None:
        while True:
            try:
                await self._look()
                self._problem = ""
            except TradepitError as error:
                if str(error) != self._problem:
                    logger.warning("statements wait: {}", error)
                self._problem = str(error)[:200]
            await self._clock.sleep(self._look_s)

    async def _look(self) -> None:
        fold = self._fold()
        accounts = fold.register.accounts | {account for account, _, _ in fold.results.holdings}
        for account in sorted(accounts):
            wanted = [day for day in fold.settled_days if (account, day) not in self._done]
            if not wanted:
                continue
            known = set(await self._records.statement_days(account))
            for day in wanted:
                if day not in known:
                    statement = await self._desk.statement(account, day)
                    if statement is not None:
                        await self._records.keep_statements([statement], self._clock.now_ns())
                        self._kept += 1
                self._done.add((account, day))
