"""A token bucket whose state is two integers and a flag, so that the same requests at the same instants give the same answers."""

import msgspec

_TOKEN = 1_000_000_000


class Bucket(msgspec.Struct):
    """Tokens in billionths. ``level`` is -1 until first used: a new bucket is full. ``over`` says how the last ``take`` ended."""

    level: int = -1
    filled_ns: int = 0
    over: bool = False

    def take(self, now_ns: int, per_second: int, burst: int) -> None:
        """Take one token at ``now_ns`` (UTC ns). An empty bucket gives none and says so in ``over``. Time never runs back."""
        self._fill(now_ns, per_second, burst)
        self.over = self.level < _TOKEN
        if not self.over:
            self.level -= _TOKEN

    def book(self, now_ns: int, per_second: int, burst: int, max_wait_ns: int) -> int:
        """Take one token even before it is there; how long (ns) to wait for it. No debt grows beyond ``max_wait_ns``."""
        self._fill(now_ns, per_second, burst)
        self.level = max(self.level - _TOKEN, -max_wait_ns * per_second)
        return -self.level // per_second if self.level < 0 else 0

    def _fill(self, now_ns: int, per_second: int, burst: int) -> None:
        filled_ns = self.filled_ns
        if not filled_ns:
            self.level = burst * _TOKEN
        elif now_ns > filled_ns:
            self.level = min(burst * _TOKEN, self.level + (now_ns - filled_ns) * per_second)
        else:
            return
        self.filled_ns = max(filled_ns, now_ns)
