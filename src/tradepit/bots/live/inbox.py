"""What waits for a bot: news in order, and of each contract the ticks that came meanwhile."""

from collections import deque
from collections.abc import Callable
from threading import Lock

from tradepit.trading.model.tick import Tick

Timed = tuple[Tick, int]


class Inbox:
    """Filled by the runner's thread, emptied by the bot's. News loses nothing; of ticks the newest ``most`` of a contract are kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._news: deque[Callable[[], object]] = deque()
        self._ticks: dict[str, deque[Timed]] = {}

    def __len__(self) -> int:
        return len(self._news) + len(self._ticks)

    def put(self, news: Callable[[], object]) -> None:
        """Something to be done before the next tick."""
        with self._lock:
            self._news.append(news)

    def put_tick(self, tick: Tick, received_ns: int) -> None:
        """A tick, and the monotonic ns it came at."""
        with self._lock:
            waiting = self._ticks.get(tick.symbol)
            if waiting is None:
                waiting = self._ticks[tick.symbol] = deque(maxlen=self._most)
            waiting.append((tick, received_ns))

    def take_news(self) -> Callable[[], object] | None:
        """The oldest news, None when there is none."""
        with self._lock:
            return self._news.popleft() if self._news else None

    def take_ticks(self) -> list[Timed]:
        """All ticks of the contract that waits longest, oldest first; the bot is called with the last, the others it only sees."""
        with self._lock:
            if not self._ticks:
                return []
            return list(self._ticks.pop(next(iter(self._ticks))))

    def clear_ticks(self) -> None:
        """Forget what waits of the market."""
        with self._lock:
            self._ticks.clear()
