"""The Data API's ticks for bots that begin together: a contract is asked for once, and what was heard since then follows."""

import asyncio
from dataclasses import dataclass, field

from tradepit.bots.live.data_client import DataClient
from tradepit.ports.clock import Clock
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.tick import Tick


@dataclass(slots=True)
class _Asked:
    """One question: when it began (monotonic ns), how many ticks it is for, and what the runner has heard of the contract since."""

    begun_ns: int
    most: int
    answer: "asyncio.Task[list[Tick]]"
    heard: list[Tick] = field(default_factory=list)


class SharedPast:
    """Lives on the runner's loop. An answer is used for ``fresh_s`` seconds from its question on, by whoever wants no more ticks."""

    def __init__(self, client: DataClient, clock: Clock, *, fresh_s: float = 5.0) -> None:
        self._client, self._clock, self._fresh_ns = client, clock, int(fresh_s * 1e9)
        self._asked: dict[str, _Asked] = {}

    def hear(self, tick: Tick) -> None:
        """A tick that the runner's bots are told."""
        asked = self._asked.get(tick.symbol)
        if asked is None:
            return
        if self._stale(asked):
            del self._asked[tick.symbol]
        else:
            asked.heard.append(tick)

    async def ticks(self, instrument: Instrument, most: int) -> list[Tick]:
        """The newest ticks there are up to now, at least as many as the Data API has of ``most``. Raises Unavailable."""
        asked = self._asked.get(instrument.symbol)
        if asked is None or asked.most < most or self._stale(asked):
            answer = asyncio.ensure_future(self._ask(instrument, most))
            # Looked at by whoever waits; when nobody does any more it is no fault.
            answer.add_done_callback(lambda done: done.cancelled() or done.exception())
            asked = self._asked[instrument.symbol] = _Asked(self._clock.monotonic_ns(), most, answer)
        # Whoever is stopped meanwhile does not take the others' answer with him.
        found = await asyncio.shield(asked.answer)
        return [*found, *asked.heard]

    async def _ask(self, instrument: Instrument, most: int) -> list[Tick]:
        found = await asyncio.to_thread(self._client.ticks, instrument, most)
        newest = await asyncio.to_thread(self._client.snapshot, instrument)
        return found if newest is None else [*found, newest]

    def _stale(self, asked: _Asked) -> bool:
        failed = asked.answer.done() and (asked.answer.cancelled() or asked.answer.exception() is not None)
        return failed or self._clock.monotonic_ns() - asked.begun_ns > self._fresh_ns
