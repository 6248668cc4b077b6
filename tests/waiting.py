"""How tests wait: by turns of the loop for what can run, for threads until they are done, and with patience for what must come."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

from tests.patience import PATIENCE_S

_T = TypeVar("_T")
_Args = TypeVarTuple("_Args")

_LONG = 1_000
_TURNS = 50


class WatchfulLoop(asyncio.SelectorEventLoop):
    """The loop of every test. It knows what it has handed to threads: how many turns pass meanwhile is up to the machine."""

    def __init__(self) -> None:
        super().__init__()
        self.handed_over: set[asyncio.Future[object]] = set()

    def run_in_executor(self, executor: Executor | None, func: Callable[[*_Args], _T], *args: *_Args) -> "asyncio.Future[_T]":
        future: asyncio.Future[_T] = super().run_in_executor(executor, func, *args)
        self.handed_over.add(future)  # type: ignore[arg-type]  # a set of futures of anything
        future.add_done_callback(self.handed_over.discard)
        return future


async def settle(turns: int = _TURNS) -> None:
    """Let everything that can run do so, and whatever it hands to threads come back. Fails when a thread does not."""
    while True:
        for _ in range(turns):
            await asyncio.sleep(0)
        under_way = getattr(asyncio.get_running_loop(), "handed_over", None)
        if not under_way:
            return
        done, _ = await asyncio.wait(set(under_way), timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        assert done, f"what was handed to a thread does not come back: {under_way}"


async def until(holds: Callable[[], object | Awaitable[object]], what: str = "it") -> None:
    """Wait for what must come, however slow the machine is; fails when it never does."""
    looked, loop = 0, asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_S
    while True:
        told = holds()
        if await told if isinstance(told, Awaitable) else told:
            return
        assert loop.time() < deadline, f"{what} never came true"
        # What only turns of the loop bring comes soon; what others bring needs the processor.
        looked += 1
        await asyncio.sleep(0 if looked < _LONG else 0.001)
