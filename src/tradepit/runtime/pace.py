"""A pace shared by many: so many turns a second in all, however many ask."""

from tradepit.ports.clock import Clock


class Pace:
    """Turns are handed out at even distances; nothing is saved up while nobody asks."""

    def __init__(self, clock: Clock, per_second: float) -> None:
        self._clock, self._step_ns = clock, int(1e9 / per_second)
        self._next_ns = 0

    async def turn(self) -> None:
        """Wait for the next turn."""
        now_ns = self._clock.monotonic_ns()
        mine_ns = max(now_ns, self._next_ns)
        self._next_ns = mine_ns + self._step_ns
        if mine_ns > now_ns:
            await self._clock.sleep((mine_ns - now_ns) / 1e9)
