"""Clients of market data for bots (platform document, section 2.3): the latest value, and a range, of a contract's series."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from tradepit.bots.data_door import DataDoor
from tradepit.trading.model.errors import BadRequest, TimedOut, TradepitError, Unavailable
from tradepit.trading.model.ids import check_id
from tradepit.wire.data_api import MOST_ROWS, TICKS_PATH, TickWindow

_MS = 1_000


class MarketSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Values of one contract at one instant: ``fields`` by name, such as ``price`` and ``volume``."""

    symbol: str
    time_ms: int
    fields: dict[str, float]

    @property
    def time(self) -> datetime:
        """The instant, UTC."""
        return datetime.fromtimestamp(self.time_ms / _MS, UTC)

    def __getitem__(self, name: str) -> float:
        return self.fields[name]


class MarketDataClient(Protocol):
    """Instants are UTC: epoch milliseconds, or datetimes with a time zone. Ranges include both ends and come oldest first."""

    def fetch(self) -> MarketSnapshot | None:
        """The latest values, None when there are none. Raises Unavailable."""

    def fetch_range(self, start: datetime | int, end: datetime | int, count: int | None = None) -> list[MarketSnapshot]:
        """The values of an interval, at most the ``count`` first. Raises Unavailable, BadRequest."""


class NullMarketDataClient:
    """Knows nothing, ever."""

    def fetch(self) -> MarketSnapshot | None:
        return None

    def fetch_range(self, start: datetime | int, end: datetime | int, count: int | None = None) -> list[MarketSnapshot]:
        _interval(start, end, count)
        return []


class StaticMarketDataClient:
    """Knows the snapshots it was given, in the order of their instants."""

    def __init__(self, snapshots: Iterable[MarketSnapshot]) -> None:
        self._snapshots = sorted(snapshots, key=lambda snapshot: snapshot.time_ms)

    def fetch(self) -> MarketSnapshot | None:
        return self._snapshots[-1] if self._snapshots else None

    def fetch_range(self, start: datetime | int, end: datetime | int, count: int | None = None) -> list[MarketSnapshot]:
        first, last = _interval(start, end, count)
        return [snapshot for snapshot in self._snapshots if first <= snapshot.time_ms <= last][:count]


class QueueMarketDataClient:
    """Gives what was put in, one snapshot a fetch; ranges look at the newest ``keep`` ones, fetched or not."""

    def __init__(self, keep: int = 4096) -> None:
        self._waiting: deque[MarketSnapshot] = deque()
        self._kept: deque[MarketSnapshot] = deque(maxlen=keep)

    def put(self, snapshot: MarketSnapshot) -> None:
        """One more."""
        self._waiting.append(snapshot)
        self._kept.append(snapshot)

    def fetch(self) -> MarketSnapshot | None:
        return self._waiting.popleft() if self._waiting else None

    def fetch_range(self, start: datetime | int, end: datetime | int, count: int | None = None) -> list[MarketSnapshot]:
        return StaticMarketDataClient(self._kept).fetch_range(start, end, count)


class Commands(Protocol):
    """What is needed of a redis-py client (``redis.Redis``): it is made, and closed, by whoever configures the bot."""

    def execute_command(self, *words: Any) -> Any:  # noqa: ANN401 - as redis-py has it
        """Send one command; its answer."""


class RedisTimeSeriesMarketDataClient:
    """Reads RedisTimeSeries keys (TS.GET, TS.RANGE). ``extra_fields`` are further series by the name of their field.

    On a server without the module it reads the sorted sets that the house's own writer keeps there under the same keys. A
    snapshot's instant is that of ``value_field``'s series; an extra field is in it when its series has that very instant.
    """

    def __init__(
        self,
        redis: Commands,
        series_key: str,
        symbol: str,
        value_field: str = "price",
        extra_fields: Mapping[str, str] | None = None,
    ) -> None:
        self._redis, self._symbol = redis, symbol
        self._key, self._field, self._extra = series_key, value_field, dict(extra_fields or {})
        self._plain = False

    @classmethod
    def of(cls, redis: Commands, ticker: str) -> "RedisTimeSeriesMarketDataClient":
        """Price and volume of a ticker under the platform's own keys, which spell it in lower case. Raises IdNotValid."""
        key = f"markets:{check_id(ticker, 'ticker').lower()}"
        return cls(redis, f"{key}:price", ticker, "price", {"volume": f"{key}:volume"})

    def fetch(self) -> MarketSnapshot | None:
        told = self._newest(self._key)
        if told is None:
            return None
        time_ms, value = told
        fields = {self._field: value}
        for name, key in self._extra.items():
            extra = self._newest(key)
            if extra is not None and extra[0] == time_ms:
                fields[name] = extra[1]
        return MarketSnapshot(symbol=self._symbol, time_ms=time_ms, fields=fields)

    def fetch_range(self, start: datetime | int, end: datetime | int, count: int | None = None) -> list[MarketSnapshot]:
        first, last = _interval(start, end, count)
        if first > last:
            return []
        rows = self._range(self._key, first, last, count)
        if not rows:
            return []
        extra = {name: dict(self._range(key, rows[0][0], rows[-1][0])) for name, key in self._extra.items()}
        return [
            MarketSnapshot(
                symbol=self._symbol,
                time_ms=time_ms,
                fields={self._field: value} | {name: known[time_ms] for name, known in extra.items() if time_ms in known},
            )
            for time_ms, value in rows
        ]

    def _newest(self, key: str) -> tuple[int, float] | None:
        if not self._plain:
            told = self._ask("TS.GET", key)
            if not self._plain:
                return _sample(told) if told else None
        rows = self._ask("ZREVRANGE", key, 0, 0)
        return _member(rows[0]) if rows else None

    def _range(self, key: str, first: int, last: int, count: int | None = None) -> list[tuple[int, float]]:
        if not self._plain:
            rows = self._ask("TS.RANGE", key, first, last, *(() if count is None else ("COUNT", count)))
            if not self._plain:
                return [_sample(row) for row in rows or ()]
        limit: tuple[Any, ...] = () if count is None else ("LIMIT", 0, count)
        return [_member(row) for row in self._ask("ZRANGEBYSCORE", key, first, last, *limit)]

    def _ask(self, *words: Any) -> Any:  # noqa: ANN401 - as redis-py has it
        try:
            return self._redis.execute_command(*words)
        except TradepitError:
            raise
        except TimeoutError as error:
            raise TimedOut(command=words[0]) from error
        except Exception as error:
            if str(words[0]).startswith("TS.") and "unknown command" in str(error).lower():
                self._plain = True
                return None
            # A key that does not exist is an error here, and means that nobody has recorded anything yet.
            if "does not exist" in str(error):
                return None
            raise Unavailable("the market data cannot be read", command=words[0], cause=str(error)[:200]) from error


class DataApiMarketDataClient:
    """Asks the Data API at ``url``, for bots that reach nothing else: ``price``, ``volume`` (the day's lots), best quotes.

    Ranges are of the hot window. What a tick does not have is not among its fields.
    """

    def __init__(self, url: str, symbol: str, *, timeout_s: float = 5.0) -> None:
        self._door, self._symbol = DataDoor(url, timeout_s=timeout_s), check_id(symbol, "symbol")

    def fetch(self) -> MarketSnapshot | None:
        found = self._window("n=1")
        return self._snapshots(found)[-1] if found is not None and found.time_ms else None

    def fetch_range(self, start: datetime | int, end: datetime | int, count: int | None = None) -> list[MarketSnapshot]:
        first, last = _interval(start, end, count)
        newest = self._window("n=1")
        if newest is None or not newest.time_ms:
            return []
        following: int | None = max(first, newest.from_ms)
        last, found = min(last, newest.time_ms[-1]), list[MarketSnapshot]()
        while following is not None and following <= last and (count is None or len(found) < count):
            limit = MOST_ROWS if count is None else min(MOST_ROWS, count - len(found))
            window = self._window(f"start_ms={following}&end_ms={last}&limit={limit}")
            if window is None:
                break
            found += self._snapshots(window)
            following = window.next_start_ms
        return found

    def _window(self, query: str) -> TickWindow | None:
        return self._door.ask(f"{TICKS_PATH}/{self._symbol}?{query}", TickWindow)

    def _snapshots(self, window: TickWindow) -> list[MarketSnapshot]:
        columns = {name: getattr(window, name) for name in ("price", "volume", "bid", "ask", "bid_lots", "ask_lots")}
        return [
            MarketSnapshot(
                symbol=self._symbol,
                time_ms=time_ms,
                fields={name: float(column[at]) for name, column in columns.items() if column[at] is not None},
            )
            for at, time_ms in enumerate(window.time_ms)
        ]


def _sample(told: Sequence[Any]) -> tuple[int, float]:
    time_ms, value = told
    return int(time_ms), float(value)


def _member(told: bytes | str) -> tuple[int, float]:
    """A member of a sorted set: ``instant:number``. Raises Unavailable for another program's."""
    text = told.decode() if isinstance(told, bytes) else told
    time_ms, _, value = text.partition(":")
    try:
        return int(time_ms), float(value)
    except ValueError as error:
        raise Unavailable("the key holds something else", member=text[:64]) from error


def _interval(start: datetime | int, end: datetime | int, count: int | None) -> tuple[int, int]:
    if count is not None and count < 1:
        raise BadRequest("A range has at least one value.", count=count)
    return _to_ms(start), _to_ms(end)


def _to_ms(instant: datetime | int) -> int:
    if isinstance(instant, int):
        return instant
    if instant.tzinfo is None:
        raise BadRequest("An instant needs a time zone.", instant=instant.isoformat())
    return int(instant.timestamp() * _MS)
