"""Tasks that run at once up to their first wait, so that work which never waits costs no turn of the event loop."""

import asyncio
import sys
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")
_TAKEN = object()


class Started(Generic[_T]):
    """Work that was begun. ``finished``: it ended without waiting for anything; else ``task`` owns it: cancel and await that."""

    __slots__ = ("_error", "_result", "_work", "finished", "task")

    def __init__(self, work: Coroutine[Any, Any, _T]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._result: _T
        self.task: asyncio.Task[_T]
        self.finished = False
        loop = asyncio.get_running_loop()
        if sys.version_info >= (3, 12):
            self.task = asyncio.Task(work, loop=loop, eager_start=True)
            self.finished = self.task.done()
            if self.finished and not self.task.cancelled():
                self.task.exception()  # waits for whoever asks for the result, who may not come
        else:
            self._begin(loop)

    def result(self) -> _T:
        """The result, or the work's exception raised; only once ``finished`` or the task is done."""
        if sys.version_info >= (3, 12) or not self.finished:
            return self.task.result()
        if self._error is not None:
            raise self._error
        return self._result

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        # The hooks for makers of tasks (asyncio's "Extending" chapter): inside the work, current_task() is its own task,
        # so that a timeout set there cancels the work and not whoever started it. Most work ends at once and never needs
        # that task: until it waits, a stand-in takes its place.
        caller, own = asyncio.current_task(loop), _Standin()
        if caller is not None:
            asyncio.tasks._leave_task(loop, caller)  # noqa: SLF001 - documented for exactly this
        asyncio.tasks._enter_task(loop, own)  # type: ignore[arg-type]  # noqa: SLF001 - documented for exactly this
        try:
            first = self._work.send(None)
        except StopIteration as end:
            self._result, self.finished = end.value, True
        except BaseException as error:  # noqa: BLE001 - belongs to whoever asks for the result
            self._error, self.finished = error, True
        else:
            self.task = own.task = loop.create_task(_Rest(self._work, first))
        finally:
            asyncio.tasks._leave_task(loop, own)  # type: ignore[arg-type]  # noqa: SLF001 - documented for exactly this
            if caller is not None:
                asyncio.tasks._enter_task(loop, caller)  # noqa: SLF001 - documented for exactly this


class _Standin:
    """Stands for the task of work that has not waited yet: what was made to cancel it reaches the task that comes to be."""

    __slots__ = ("task",)

    def __init__(self) -> None:
        self.task: asyncio.Task[Any]

    def cancel(self, msg: object = None) -> bool:
        return self.task.cancel(msg)

    def cancelling(self) -> int:
        # Asked before the first wait, when nobody can have cancelled it.
        return self.task.cancelling() if hasattr(self, "task") else 0

    def uncancel(self) -> int:
        return self.task.uncancel()

    def done(self) -> bool:
        return hasattr(self, "task") and self.task.done()

    def get_name(self) -> str:
        return self.task.get_name() if hasattr(self, "task") else "not a task yet"


class _Rest(Coroutine[Any, Any, Any]):
    """What is left of work that already waits for ``first``, as a task runs it.

    No ``async def``: a task that is cancelled before its first step throws into what it runs, and a coroutine that has not begun
    would end there, the work with it, which then never learns that it was cancelled.
    """

    __slots__ = ("_first", "_work")

    def __init__(self, work: Coroutine[Any, Any, object], first: object) -> None:
        self._work, self._first = work, first

    def send(self, value: Any) -> Any:  # noqa: ANN401 - what the work waits for
        first, self._first = self._first, _TAKEN
        return self._work.send(value) if first is _TAKEN else first

    def throw(self, error: Any, *rest: Any) -> Any:  # noqa: ANN401 - as the protocol has it
        self._first = _TAKEN
        return self._work.throw(error, *rest)

    def close(self) -> None:
        # Thrown away unfinished (its loop is gone).
        self._work.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._work.__await__()
