"""Where drawn faults happen: answers that never leave or leave late, and a line that is cut for a while."""

import asyncio
from collections.abc import Awaitable, Callable

from tradepit.trading.matching.faults import FaultDice, FaultPlan, Mishap
from tradepit.trading.model.errors import OutcomeUnknown, VenueRefused
from tradepit.wire.simulator_codec import encode_error

ORDER_FREQ_LIMIT = "ORDER_FREQ_LIMIT"
_LOST_FOR_S = 60.0


class FaultSeam:
    """Between a command's outcome and its sender. ``cut_line`` makes the gateway unreachable for so many milliseconds."""

    def __init__(self, plan: FaultPlan, cut_line: Callable[[int], None]) -> None:
        self.dice = FaultDice(plan)
        self._cut_line = cut_line
        self._released = asyncio.Event()
        self._closed = self._is_cut = False

    def set(self, plan: FaultPlan) -> None:
        """From here on faults follow ``plan``; its counts begin anew."""
        self.dice = FaultDice(plan)

    def draw(self) -> Mishap:
        """The fate of the next order command. Raises VenueRefused (ORDER_FREQ_LIMIT): nothing happened."""
        mishap = self.dice.for_command()
        if mishap.rate_limited:
            raise VenueRefused(ORDER_FREQ_LIMIT, "Too many orders in a short time.")
        return mishap

    async def pass_on(self, mishap: Mishap, outcome: Awaitable[bytes]) -> bytes:
        """The answer, when and if it may leave. What was commanded is done in every case."""
        answer = await outcome
        if mishap.disconnect_ms:
            self._cut_line(mishap.disconnect_ms)
        if mishap.lost or mishap.disconnect_ms:
            await self._withhold(_LOST_FOR_S)
            return encode_error(OutcomeUnknown("the line was cut before the answer left"))
        if mishap.delay_ms:
            await self._withhold(mishap.delay_ms / 1000)
        return answer

    def close(self) -> None:
        """The gateway stops: withhold nothing any more."""
        self._closed = True
        self.release()

    def release(self) -> None:
        """Let go of all withheld answers, and withhold none until ``mend``: the line is cut.

        What is in hand still comes to its end, and the gateway leaves once all have.
        """
        self._is_cut = True
        self._released.set()
        self._released = asyncio.Event()

    def mend(self) -> None:
        """The line is back: answers may be withheld again."""
        self._is_cut = False

    async def _withhold(self, seconds: float) -> None:
        released = self._released
        if self._closed or self._is_cut:
            return
        try:
            async with asyncio.timeout(seconds):
                await released.wait()
        except TimeoutError:
            return
