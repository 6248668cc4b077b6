"""The exchange's time: the machine's clock or, with a ManualClock, driven by outside ticks and advance_time alone."""

from tradepit.ports.clock import Clock
from tradepit.runtime.clock import ManualClock
from tradepit.trading.matching.commands import ApplyTick, Command
from tradepit.trading.model.errors import BadRequest

MAX_NS = 2**63 - 1


class ExchangeTime:
    """Stamps commands with UTC nanoseconds that never run backwards, not even over a restart or a clock set back."""

    def __init__(self, clock: Clock, *, max_jump_s: int) -> None:
        self._clock = clock
        self._manual = clock if isinstance(clock, ManualClock) else None
        self._max_jump_ns = max_jump_s * 1_000_000_000
        self._last_ns = 0

    @property
    def driven(self) -> bool:
        """True when only ticks and advance_time move it."""
        return self._manual is not None

    def now_ns(self) -> int:
        """The exchange's instant."""
        self._last_ns = max(self._last_ns, self._clock.now_ns())
        return self._last_ns

    def not_before(self, now_ns: int) -> None:
        """The journal has seen ``now_ns``: never stamp anything earlier."""
        self._last_ns = max(self._last_ns, now_ns)
        if self._manual is not None:
            self._manual.advance_to(now_ns)

    def stamp(self, command: Command) -> int:
        """The instant at which ``command`` is applied; a tick moves a driven exchange to its own."""
        if self._manual is not None and isinstance(command, ApplyTick):
            self._manual.advance_to(command.tick.time_ns)
        return self.now_ns()

    def check_step(self, from_ns: int, to_ns: int) -> None:
        """Refuse an instant so far ahead that it must be a mistake: time cannot be taken back. Raises BadRequest."""
        if not 0 < to_ns <= MAX_NS or (from_ns and to_ns - from_ns > self._max_jump_ns):
            raise BadRequest("too far ahead of the exchange's time", time_ns=to_ns)

    def advance_to(self, now_ns: int) -> None:
        """Move a driven exchange. Raises BadRequest when its time is the machine's."""
        if self._manual is None:
            raise BadRequest("this exchange's time is the machine's own")
        self.check_step(self.now_ns(), now_ns)
        self._manual.advance_to(now_ns)
