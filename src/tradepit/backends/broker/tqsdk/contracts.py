"""The contracts the TqSDK process knows: those of its list, and any other once it is asked for."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import tqsdk

from tradepit.backends.broker.tqsdk.reading import number
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import InstrumentNotFound, Unavailable

_QUERY = "query($instrument_id:[String]){multi_symbol_info(instrument_id:$instrument_id){... on basic{instrument_id}}}"
_ANSWER_S = 4.0
_QUOTE_S = 1.0
_TURN_S = 0.2


class Contracts:
    """TqSDK waits for ever, or for half a minute, for a contract that does not exist: the vendor is asked first whether it does.

    Nobody else waits for a question: each is a task of its own in TqApi's loop.
    """

    def __init__(self, api: tqsdk.TqApi, clock: Clock) -> None:
        self._api, self._clock = api, clock
        self.known: dict[str, Any] = {}
        self._asking: dict[str, asyncio.Task[Any]] = {}

    async def know(self, symbol: str) -> Any:  # noqa: ANN401 - TqSDK's own type
        """A contract's quote, watched from now on. Raises InstrumentNotFound, and Unavailable when the vendor does not answer."""
        if symbol not in self.known:
            if symbol not in self._asking:
                self._asking[symbol] = self._api.create_task(self._look_up(symbol))
            if (problem := await self._asking[symbol]) is not None:
                raise problem
        return self.known[symbol]

    def learn(self, symbols: Iterable[str]) -> dict[str, str]:
        """Know contracts before anything else is done; those that are not known, with the reason. Outside of TqApi's loop only."""
        asked = {symbol: self._api.create_task(self._look_up(symbol)) for symbol in symbols if symbol not in self.known}
        while not all(task.done() for task in asked.values()):
            self._api.wait_update(deadline=self._clock.now_ns() / 1e9 + _TURN_S)
        return {symbol: problem.code for symbol, task in asked.items() if (problem := task.result()) is not None}

    async def _look_up(self, symbol: str) -> InstrumentNotFound | Unavailable | None:
        # What a task of TqApi raises ends TqApi, so the problem is its result.
        try:
            found = self._api.query_graphql(_QUERY, {"instrument_id": [symbol]})
            if not await self._until(found, lambda: "result" in found or "error" in found, _ANSWER_S):
                return Unavailable("the vendor does not say whether the contract exists", symbol=symbol)
            if not (found.get("result") or {}).get("multi_symbol_info"):
                return InstrumentNotFound(symbol=symbol)
            quote = self._api.get_quote(symbol)
            if not await self._until(quote, lambda: number(quote.price_tick) > 0, _ANSWER_S):
                return InstrumentNotFound("the contract has no tick", symbol=symbol)
            # A contract that nobody has traded yet has no quote, and may be traded all the same.
            await self._until(quote, lambda: bool(quote.datetime), _QUOTE_S)
            self.known[symbol] = quote
        finally:
            self._asking.pop(symbol, None)
        return None

    async def _until(self, told: Any, holds: Callable[[], bool], patience_s: float) -> bool:  # noqa: ANN401 - TqSDK's own type
        async with self._api.register_update_notify(told) as changes:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    while not holds():
                        await changes.recv()
        return holds()
