"""One client of the market-data socket: its quotes, its questions to the instrument service, its charts."""

from typing import Any

import msgspec

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


class MarketSession:
    """Whatever the client asked with is told back letter for letter: after a reconnect it compares."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._names: dict[str, list[str]] = {}
        self.outlet = Outlet()
        self.outlet.add({"account_id": "", "ins_list": "", "mdhis_more_data": False})
        market.quote_hearers.append(self._on_quote)

    async def hear(self, aid: str, payload: bytes) -> None:
        """subscribe_quote, ins_query."""
        if aid == "subscribe_quote":
            self._subscribe(_SUBSCRIBE.decode(payload).ins_list)
        elif aid == "ins_query":
            self._answer(_QUERY.decode(payload))

    def leave(self) -> None:
        """Be told no more."""
        self._market.quote_hearers.remove(self._on_quote)

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
