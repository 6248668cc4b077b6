"""Tasks that run at once up to their first wait, so that work which never waits costs no turn of the event loop."""

import asyncio
import sys
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


class Started(Generic[_T]):
    """Work that was begun. ``task`` owns it: cancel and await that. ``finished``: it ended without waiting for anything."""

    __slots__ = ("_error", "_first", "_result", "_work", "finished", "task")

    def __init__(self, work: Coroutine[Any, Any, _T]) -> None:
        self._work = work
        self._first: Any = None
        self._error: BaseException | None = None
        self._result: _T
        self.finished = False
        loop = asyncio.get_running_loop()
        if sys.version_info >= (3, 12):
            self.task: asyncio.Task[_T] = asyncio.Task(work, loop=loop, eager_start=True)
            self.finished = self.task.done()
            if self.finished and not self.task.cancelled():
                self.task.exception()  # waits for whoever asks for the result, who may not come
        else:
            self.task = loop.create_task(self._rest())
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
        # so that a timeout set there cancels the work and not whoever started it.
        caller = asyncio.current_task(loop)
        if caller is not None:
            asyncio.tasks._leave_task(loop, caller)  # noqa: SLF001 - documented for exactly this
        asyncio.tasks._enter_task(loop, self.task)  # noqa: SLF001 - documented for exactly this
        try:
            self._first = self._work.send(None)
        except StopIteration as end:
            self._result, self.finished = end.value, True
        except BaseException as error:  # noqa: BLE001 - belongs to whoever asks for the result
            self._error, self.finished = error, True
            self.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        finally:
            asyncio.tasks._leave_task(loop, self.task)  # noqa: SLF001 - documented for exactly this
            if caller is not None:
                asyncio.tasks._enter_task(loop, caller)  # noqa: SLF001 - documented for exactly this

    async def _rest(self) -> _T:
        if not self.finished:
            result: _T = await _Resumed(self._work, self._first)
            return result
        if self._error is not None:
            raise self._error
        return self._result


class _Resumed:
    """Awaits what is left of a coroutine that already waits for ``first``."""

    def __init__(self, work: Coroutine[Any, Any, object], first: object) -> None:
        self._work, self._first = work, first

    def __await__(self) -> Generator[Any, Any, Any]:
        waits_for = self._first
        while True:
            value, thrown = None, None
            try:
                value = yield waits_for
            except GeneratorExit:
                # Thrown away unfinished (its loop is gone): the work may have been thrown away before.
                self._work.close()
                raise
            except BaseException as error:  # noqa: BLE001 - whatever comes goes into the work
                thrown = error
            try:
                waits_for = self._work.throw(thrown) if thrown is not None else self._work.send(value)
            except StopIteration as end:
                return end.value
