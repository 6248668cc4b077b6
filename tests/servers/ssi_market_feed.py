"""The DATA channel of SSI's V3 stream as its public SDK describes it: who asked for a topic hears it, first as it stands now.

It can be told to misbehave: to say nothing, to forget who asked, to refuse, to send what nobody can read.
"""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Level, Tick

FLAGS = {
    SessionPhase.AUCTION_ORDERING: "ATO",
    SessionPhase.CONTINUOUS: "LO",
    SessionPhase.BREAK: "BREAK",
    SessionPhase.CLOSING_AUCTION: "ATC",
    SessionPhase.CLOSED: "C",
}
MAX_FRAME = 4096
STEP = Decimal("0.1")


class SsiMarketFeed:
    """``look`` gives the market as it is now; ``changed`` is told whenever it may have changed.

    ``tells_changes``: of a book only what has changed. ``tells_at_once``: who asks hears first how the market stands. ``asked`` counts the frames that asked for topics.
    """

    def __init__(self, look: Callable[[], Tick]) -> None:
        self._look = look
        self._listeners: dict[asyncio.Queue[str], set[str]] = {}
        self._told: dict[str, dict[str, Any]] = {}
        self.tells_at_once = self.beats = True
        self.deaf = self.refuses = False
        self.tells_changes = False
        self.asked = 0

    def answer(self, frame: str, frames: "asyncio.Queue[str]") -> None:
        """Somebody's frame on this channel; longer ones than the server takes are dropped."""
        request = json.loads(frame)
        method, channel = request["method"].upper(), request["channel"]
        if method == "PING_PONG":
            if self.beats:
                frames.put_nowait(json.dumps({"method": method, "channel": channel, "status": "ok", "message": "pong"}))
            return
        if method != "SUBSCRIBE" or len(frame) > MAX_FRAME:
            return
        self.asked += 1
        said = {"status": "error", "message": "Denied (scope)"} if self.refuses else {"status": "ok", "message": "subscribed"}
        frames.put_nowait(json.dumps({"method": "SUBSCRIBE", "channel": channel} | said))
        if self.refuses:
            return
        topics = self._listeners.setdefault(frames, set())
        topics.update(topic.lower() for topic in request["topics"])
        self._told.update(self._news())
        if self.tells_at_once:
            for topic, data in self._told.items():
                if topic.lower() in topics:
                    frames.put_nowait(_frame(topic, data))

    def leave(self, frames: "asyncio.Queue[str]") -> None:
        """Somebody is gone."""
        self._listeners.pop(frames, None)

    def forget(self) -> None:
        """Nobody has asked for anything, as far as this side remembers."""
        self._listeners.clear()

    def changed(self) -> None:
        """Tell what is new."""
        for topic, data in self._news().items():
            former = self._told.get(topic)
            if _without_time(former) != _without_time(data):
                self._told[topic] = data
                changes = self.tells_changes and former is not None and topic.startswith("quote.")
                self.send(topic, data | _changes(former or {}, data) if changes else data)

    def tell_session(self, word: str) -> None:
        """The market does this now, whatever the exchange behind it does."""
        self.send("market.FLAG", {"b": "DER", "t": _hanoi(self._look().time_ns), "f": word})

    def send(self, topic: str, data: dict[str, Any]) -> None:
        """Tell this, whatever it is, to those who asked for the topic."""
        self.send_raw(_frame(topic, data), topic)

    def send_raw(self, frame: str, topic: str = "") -> None:
        """These very characters, to those who asked for the topic, or to all."""
        if self.deaf:
            return
        for frames, topics in self._listeners.items():
            if not topic or topic.lower() in topics:
                frames.put_nowait(frame)

    def _news(self) -> dict[str, dict[str, Any]]:
        tick = self._look()
        name, time = tick.symbol, _hanoi(tick.time_ns)
        limits = {"ce": self._price(tick.upper_limit_ticks), "fl": self._price(tick.lower_limit_ticks)}
        found: dict[str, dict[str, Any]] = {
            "market.FLAG": {"b": "DER", "t": time, "f": FLAGS[tick.phase]},
            f"market.{name}": {"s": name, "b": "DER", "t": time, **limits, "ref": float(tick.pre_settlement)},
            f"quote.{name}": {"t": time, "s": name, "bids": self._levels(tick.bids), "asks": self._levels(tick.asks)},
        }
        if tick.volume_lots:
            average = tick.turnover / tick.volume_lots / 100_000
            prices = {"p": tick.last_ticks, "o": tick.open_ticks, "h": tick.high_ticks, "l": tick.low_ticks}
            figures = {key: self._price(ticks) for key, ticks in prices.items()}
            found[f"trade.{name}"] = {
                "t": time,
                "s": name,
                "q": 1,
                "si": "B",
                "v": f"{tick.volume_lots}.0",
                "a": str(average),
                **figures,
            }
        return found

    def _price(self, ticks: int) -> float:
        return float(ticks * STEP)

    def _levels(self, levels: tuple[Level, ...]) -> list[list[float]]:
        return [[self._price(level.price_ticks), level.lots] for level in levels]


def _frame(topic: str, data: dict[str, Any]) -> str:
    return json.dumps({"channel": "DATA", "topic": topic, "data": data})


def _changes(former: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The sides of a book as changes: what is new or has other lots, and 0 lots for what is gone; nothing of a side that is the same."""
    found: dict[str, Any] = {}
    for side in ("bids", "asks"):
        was, known = dict(former[side]), dict(now[side])
        gone = [[price, 0] for price in was if price not in known]
        found[side] = [[price, lots] for price, lots in now[side] if was.get(price) != lots] + gone or None
    return found


def _without_time(data: dict[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (data or {}).items() if key != "t"}


def _hanoi(instant_ns: int) -> str:
    return f"{datetime.fromtimestamp(instant_ns / 1e9, UTC) + timedelta(hours=7):%Y/%m/%d %H:%M:%S}"
