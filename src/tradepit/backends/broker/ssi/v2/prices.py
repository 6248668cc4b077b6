"""The day's prices of contracts from SSI FastConnect Data V2, a service of its own: FastConnect Trading V2 tells none."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta

import msgspec
from loguru import logger

from tradepit.backends.broker.ssi.frames import MasterRow
from tradepit.backends.broker.ssi.terms import number
from tradepit.backends.broker.ssi.v2.data import SsiV2Data
from tradepit.backends.broker.ssi.v2.frames import Answer, DayPrice

_LOOK_BACK = timedelta(days=14)
_DATE = "%d/%m/%Y"


class SsiV2Prices:
    """A contract's row of the day is asked for until it is there, and then kept."""

    def __init__(self, data: SsiV2Data) -> None:
        self.data = data
        self._day = date.min
        self._known: dict[str, MasterRow] = {}
        self._asking = asyncio.Lock()

    async def of_day(self, trading_day: int, symbols: Sequence[str]) -> dict[str, MasterRow]:
        """Reference, ceiling and floor (index points) by contract code, of those that are known. Raises Unavailable.

        Before the service has a contract's row of the day, the close of its last one is the reference: the daily settlement
        price of these futures is their close. Ceiling and floor are 0 then, and follow from it.
        """
        day = date.fromisoformat(str(trading_day))
        async with self._asking:
            if day != self._day:
                self._day, self._known = day, {}
            found = {symbol: self._known.get(symbol) or await self._row(symbol, day) for symbol in symbols}
        return {symbol: row for symbol, row in found.items() if row is not None}

    async def close(self) -> None:
        """Let go of connections."""
        await self.data.close()

    async def _row(self, symbol: str, day: date) -> MasterRow | None:
        query = {
            "symbol": symbol,
            "fromDate": (day - _LOOK_BACK).strftime(_DATE),
            "toDate": day.strftime(_DATE),
            "pageIndex": "1",
            "pageSize": "50",
            "market": "DER",
        }
        rows = _rows(await self.data.ask("DailyStockPrice", query))
        by_day = {row.trading_date: row for row in rows}
        today = by_day.get(day.strftime(_DATE))
        if today is not None and number(today.ref_price) > 0:
            self._known[symbol] = today.told(symbol)
            return self._known[symbol]
        for back in range(1, _LOOK_BACK.days + 1):
            former = by_day.get((day - timedelta(days=back)).strftime(_DATE))
            if former is not None and number(former.close_price) > 0:
                logger.warning(
                    "ssi: {} has no prices of {} yet, its reference is the close of {}", symbol, day, former.trading_date
                )
                return MasterRow(symbol=symbol, ref_price=number(former.close_price))
        return None


def _rows(answer: Answer) -> tuple[DayPrice, ...]:
    """Rows that can be read; one that cannot hides no other."""
    found: list[DayPrice] = []
    for row in answer.data if isinstance(answer.data, list) else []:
        try:
            found.append(msgspec.convert(row, DayPrice, strict=False))
        except msgspec.MsgspecError as error:
            logger.error("ssi: a day's prices cannot be read: {}", error)
    return tuple(found)
