"""The channels of SSI's V2 hub of market data as its documents describe them: F, X, X-QUOTE, X-TRADE, each message with JSON in a text.

It can be told to misbehave: to say nothing, to forget what was asked for, to refuse, to send what nobody can read.
"""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.servers.signalr_server import SignalrServer
from tests.servers.ssi_market_feed import FLAGS, STEP

from tradepit.trading.model.tick import Level, Tick

DEPTH = 10


class SsiV2MarketFeed:
    """``look`` gives the market as it is now, ``move`` brings it up to the clock; ``changed`` is told whenever it may have changed.

    ``tells_at_once``: who asks hears first how the market stands. ``asked`` counts the calls of ``SwitchChannels``.
    """

    def __init__(self, look: Callable[[], Tick], move: Callable[[], None]) -> None:
        self._look, self._move = look, move
        self._channels: set[str] = set()
        self._told: dict[str, dict[str, Any]] = {}
        self.outbox: asyncio.Queue[str] = asyncio.Queue()
        self.tells_at_once = True
        self.deaf = self.refuses = False
        self.asked = 0

    async def answer(self, method: str, arguments: list[Any]) -> None:
        """A call of a client: ``SwitchChannels`` with all channels in one text. Raises ValueError for what is refused."""
        if method != "SwitchChannels" or self.refuses:
            raise ValueError("not allowed")
        self._move()
        self.asked += 1
        (text,) = arguments
        asked = [channel.partition(":") for channel in text.split(",")]
        name = self._look().symbol
        self._channels = {kind for kind, _, names in asked if "ALL" in names.split("-") or name in names.split("-")}
        self._told.update(self._news())
        if self.tells_at_once:
            for kind, content in self._told.items():
                self.send(kind, content)

    def forget(self) -> None:
        """Nobody has asked for anything, as far as this side remembers."""
        self._channels.clear()

    def changed(self) -> None:
        """Tell what is new."""
        for kind, content in self._news().items():
            if _without_time(self._told.get(kind)) != _without_time(content):
                self._told[kind] = content
                self.send(kind, content)

    def tell_session(self, word: str) -> None:
        """The market does this now, whatever the exchange behind it does."""
        self.send("F", self._news()["F"] | {"TradingSession": word})

    def send(self, kind: str, content: dict[str, Any]) -> None:
        """Tell this, whatever it is, to whoever asked for its kind."""
        if kind in self._channels:
            self.send_raw(json.dumps({"DataType": kind, "Content": json.dumps(content)}))

    def send_raw(self, text: str) -> None:
        """Broadcast these very characters."""
        if not self.deaf:
            self.outbox.put_nowait(text)

    async def tell_on(self, hub: SignalrServer) -> None:
        """Broadcast what is sent, for ever."""
        while True:
            await hub.call("Broadcast", await self.outbox.get())

    def _news(self) -> dict[str, dict[str, Any]]:
        tick = self._look()
        moment = datetime.fromtimestamp(tick.time_ns / 1e9, UTC) + timedelta(hours=7)
        of = {"TradingDate": f"{moment:%d/%m/%Y}", "Time": f"{moment:%H:%M:%S}", "Symbol": tick.symbol}
        where = {"MarketId": "DER", "Exchange": "DER", "TradingSession": FLAGS[tick.phase], "TradingStatus": "N"}
        book = _levels("Bid", tick.bids) | _levels("Ask", tick.asks)
        trade = {
            "Isin": None,
            "Ceiling": _price(tick.upper_limit_ticks),
            "Floor": _price(tick.lower_limit_ticks),
            "RefPrice": float(tick.pre_settlement),
            "AvgPrice": float(tick.turnover / tick.volume_lots) if tick.volume_lots else 0.0,
            "LastPrice": _price(tick.last_ticks),
            "LastVol": 1.0,
            "TotalVal": float(tick.turnover),
            "TotalVol": float(tick.volume_lots),
            "EstMatchedPrice": 0.0,
        }
        day = {"Open": _price(tick.open_ticks), "High": _price(tick.high_ticks), "Low": _price(tick.low_ticks)}
        extremes = {"Highest": day["High"], "Lowest": day["Low"], "Side": "BU"}
        return {
            "F": of | where | {"RType": "F"},
            "X-QUOTE": of | book | {"RType": "X-QUOTE", "TradingSession": where["TradingSession"]},
            "X-TRADE": of | where | trade | extremes | {"RType": "X-TRADE"},
            "X": of | where | trade | day | book | {"RType": "X"},
        }


def _price(ticks: int) -> float:
    return float(ticks * STEP)


def _levels(side: str, levels: tuple[Level, ...]) -> dict[str, float]:
    found: dict[str, float] = {}
    for number in range(1, DEPTH + 1):
        level = levels[number - 1] if number <= len(levels) else None
        found[f"{side}Price{number}"] = _price(level.price_ticks) if level is not None else 0.0
        found[f"{side}Vol{number}"] = float(level.lots) if level is not None else 0.0
    return found


def _without_time(content: dict[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (content or {}).items() if key not in ("TradingDate", "Time")}
