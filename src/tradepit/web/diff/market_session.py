"""One client of the market-data socket: its quotes, its questions to the instrument service, its charts."""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from loguru import logger

from tradepit.trading.model.errors import BadRequest
from tradepit.web.diff.chart import Chart, SetChart
from tradepit.web.diff.chart_store import ChartStore
from tradepit.web.diff.market import Market
from tradepit.web.diff.outlet import Outlet
from tradepit.web.diff.quotes import Quote

_MAX_NAMES = 2_000


class _Subscribe(msgspec.Struct, frozen=True):
    ins_list: str = ""


class _Query(msgspec.Struct, frozen=True):
    query_id: str
    query: str = ""
    variables: dict[str, Any] | None = None


_SUBSCRIBE = msgspec.json.Decoder(_Subscribe)
_QUERY = msgspec.json.Decoder(_Query)
_CHART = msgspec.json.Decoder(SetChart)
_MAX_CHARTS = 500


class MarketSession:
    """Whatever the client asked with is told back letter for letter: after a reconnect it compares."""

    greeting: ClassVar[Mapping[str, Any]] = {"aid": "rsp_login", "session_id": "market", "account_id": ""}

    def __init__(self, market: Market, charts: ChartStore) -> None:
        self._market, self._store = market, charts
        self._charts: dict[str, Chart] = {}
        self._names: dict[str, list[str]] = {}
        self.outlet = Outlet()
        self.outlet.add({"account_id": "", "ins_list": "", "mdhis_more_data": False})
        market.quote_hearers.append(self._on_quote)
        market.chart_hearers.append(self._on_bars)

    async def hear(self, aid: str, payload: bytes) -> None:
        """subscribe_quote, ins_query, set_chart."""
        if aid == "subscribe_quote":
            self._subscribe(_SUBSCRIBE.decode(payload).ins_list)
        elif aid == "ins_query":
            self._answer(_QUERY.decode(payload))
        elif aid == "set_chart":
            await self._set_chart(_CHART.decode(payload), payload)
        elif aid != "peek_message":
            logger.debug("a packet {} of the market-data socket has no answer", aid[:64])

    async def patience(self) -> str:
        """There is always some left."""
        await asyncio.Event().wait()
        return ""

    def leave(self) -> None:
        """Be told no more."""
        self._market.quote_hearers.remove(self._on_quote)
        self._market.chart_hearers.remove(self._on_bars)

    def _subscribe(self, ins_list: str) -> None:
        names = list(dict.fromkeys(name for name in ins_list.split(",") if name))[:_MAX_NAMES]
        self._names = {}
        quotes = {}
        for name in names:
            quote = self._market.quote(name)
            if quote is not None:
                quotes[name] = quote
                self._names.setdefault(self._market.service.underlying_of(name), []).append(name)
        self.outlet.add({"quotes": quotes, "ins_list": ins_list})

    def _answer(self, query: _Query) -> None:
        if not query.query:
            # The client wants no more of it.
            self.outlet.add({"symbols": {query.query_id: None}})
            return
        told: dict[str, Any] = {"aid": "ins_query", "query_id": query.query_id, "query": query.query}
        if query.variables is not None:
            told["variables"] = query.variables
        self.outlet.add({"symbols": {query.query_id: told | self._market.service.answer(query.query, query.variables)}})

    def _on_quote(self, name: str, news: Quote) -> None:
        for asked in self._names.get(name, ()):
            self.outlet.add({"quotes": {asked: {key: value for key, value in news.items() if key != "instrument_id"}}})

    async def _set_chart(self, request: SetChart, payload: bytes) -> None:
        self._charts.pop(request.chart_id, None)
        names = [name for name in request.ins_list.split(",") if name]
        if not names:
            self.outlet.add({"charts": {request.chart_id: None}})
            return
        own = [self._market.service.underlying_of(name) for name in names]
        if len(self._charts) >= _MAX_CHARTS or any(self._market.named(name) is None for name in own):
            raise BadRequest("no such chart", ins_list=request.ins_list[:200])
        series = [await self._store.series(name, request.duration) for name in own]
        chart = Chart(request, msgspec.json.decode(payload), names, own, series)
        self._charts[request.chart_id] = chart
        for patch in chart.opening():
            self.outlet.add(patch)

    def _on_bars(self, name: str, durations: list[int]) -> None:
        for chart in self._charts.values():
            if name in chart.owners and chart.duration_ns in durations:
                self.outlet.add(chart.news())
