"""Bars of a minute as SSI tells them, in the words of its two generations, and as the house keeps them."""

from collections.abc import Sequence
from datetime import date

import msgspec
from loguru import logger

from tradepit.backends.broker.ssi.figures import lots_of, price_of
from tradepit.backends.broker.ssi.frames import Amount, Text
from tradepit.backends.broker.ssi.moments import moment_of
from tradepit.backends.broker.ssi.rest import SsiRest
from tradepit.backends.broker.ssi.terms import day_text
from tradepit.backends.broker.ssi.v2.data import SsiV2Data
from tradepit.trading.model.errors import BadRequest, Unavailable
from tradepit.trading.records.bars import LENGTHS_NS, Bar, start_of

# A day of this market has 240 minutes and two auctions.
_PAGE = 1000
_MINUTE_NS = LENGTHS_NS["1m"]


class ToldBar(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A row of V3's ``data/ohlc``; ``trading_date`` is when the minute begins, in Hanoi. ``open`` to ``close`` are index points."""

    trading_date: Text = ""
    open: Amount = None
    high: Amount = None
    low: Amount = None
    close: Amount = None
    volume: Amount = None


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    data: tuple[ToldBar, ...] | None = ()


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of V2's ``IntradayOhlc``: ``tradingdate`` is dd/mm/yyyy, ``time`` when the minute begins."""

    tradingdate: Text = ""
    time: Text = ""
    open: Amount = None
    high: Amount = None
    low: Amount = None
    close: Amount = None
    volume: Amount = None


async def v3_bars(rest: SsiRest, code: str, trading_day: int) -> Sequence[ToldBar]:
    """What V3 has of a contract (the exchange's code) on a day (YYYYMMDD). Raises Unavailable."""
    day = day_text(trading_day)
    query = {"symbol": code, "from": f"{day} 00:00:00", "to": f"{day} 23:59:59", "timeFrame": "1m"}
    answer = await rest.ask("/api/v3/data/ohlc", query | {"pageIndex": "1", "pageSize": str(_PAGE)}, _Answer)
    return answer.data or ()


async def v2_bars(data: SsiV2Data, code: str, trading_day: int) -> Sequence[ToldBar]:
    """The same of V2, from FastConnect Data."""
    day = f"{date.fromisoformat(str(trading_day)):%d/%m/%Y}"
    query = {"symbol": code, "fromDate": day, "toDate": day, "ascending": "true", "resolution": "1"}
    answer = await data.ask("IntradayOhlc", query | {"pageIndex": "1", "pageSize": str(_PAGE)})
    try:
        rows = msgspec.convert(answer.data or [], tuple[_Row, ...], strict=False)
    except msgspec.MsgspecError as error:
        raise Unavailable("SSI's bars cannot be read", cause=str(error)[:200]) from error
    return [
        ToldBar(
            trading_date=f"{row.tradingdate} {row.time}",
            open=row.open,
            high=row.high,
            low=row.low,
            close=row.close,
            volume=row.volume,
        )
        for row in rows
    ]


def bars_of(told: Sequence[ToldBar], symbol: str, trading_day: int, now_ns: int) -> list[Bar]:
    """What was told as bars of ``symbol``, oldest first: one of each minute that is over by ``now_ns``. One that cannot be hides no other."""
    found: dict[int, Bar] = {}
    for row in told:
        try:
            bar = _bar(row, symbol, trading_day)
        except BadRequest as error:
            logger.error("ssi: a bar of {} cannot be so: {}", symbol, error)
            continue
        if bar.start_ns + _MINUTE_NS <= now_ns:
            found[bar.start_ns] = bar
    return [found[start_ns] for start_ns in sorted(found)]


def _bar(told: ToldBar, symbol: str, trading_day: int) -> Bar:
    moment = moment_of(told.trading_date, trading_day)
    if moment is None:
        raise BadRequest("a bar without its minute", time=told.trading_date[:40])
    first, high, low, last = (price_of(price) for price in (told.open, told.high, told.low, told.close))
    if not 0 < low <= min(first, last) <= max(first, last) <= high:
        raise BadRequest("a bar whose prices contradict each other", time=told.trading_date[:40])
    start_ns = start_of(moment.first_ns, "1m")
    return Bar(symbol=symbol, start_ns=start_ns, open=first, high=high, low=low, close=last, volume=lots_of(told.volume), count=0)
