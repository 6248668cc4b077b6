"""Tasks that run at once up to their first wait, so that work which never waits costs no turn of the event loop."""

import asyncio
import sys
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")

# The hooks for makers of tasks (asyncio's "Extending" chapter): inside the work, current_task() is its own task, so that a
# timeout set there cancels the work and not whoever started it.
_enter, _leave = asyncio.tasks._enter_task, asyncio.tasks._leave_task  # noqa: SLF001 - documented for exactly this


class Started(Generic[_T]):
    """Work that was begun. ``task`` owns it: cancel and await that. ``finished``: it ended without waiting for anything."""

    __slots__ = ("_error", "_result", "_task", "finished")

    def __init__(self, work: Coroutine[Any, Any, _T]) -> None:
        self._error: BaseException | None = None
        self._result: _T
        self._task: asyncio.Task[_T] | None = None
        self.finished = False
        loop = asyncio.get_running_loop()
        if sys.version_info >= (3, 12):
            self._task = asyncio.Task(work, loop=loop, eager_start=True)
            self.finished = self._task.done()
            if self.finished and not self._task.cancelled():
                self._task.exception()  # waits for whoever asks for the result, who may not come
        else:
            self._begin(loop, work)

    @property
    def task(self) -> "asyncio.Task[_T]":
        """The task that the work runs in, or one that ends as the finished work did."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._tell())
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._task

    def result(self) -> _T:
        """The result, or the work's exception raised; only once ``finished`` or the task is done."""
        if self._task is not None and (sys.version_info >= (3, 12) or not self.finished):
            return self._task.result()
        if self._error is not None:
            raise self._error
        return self._result

    def _begin(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, _T]) -> None:
        spares = _SPARES.get(loop)
        spare = spares.pop() if spares else _Spare(loop)
        task, caller = spare.task, asyncio.current_task(loop)
        if caller is not None:
            _leave(loop, caller)
        _enter(loop, task)
        try:
            waits_for = work.send(None)
        except StopIteration as end:
            self._result, self.finished = end.value, True
        except BaseException as error:  # noqa: BLE001 - belongs to whoever asks for the result
            self._error, self.finished = error, True
        else:
            self._task = spare.take(work, waits_for)
        finally:
            _leave(loop, task)
            if caller is not None:
                _enter(loop, caller)
        if self.finished:
            spare.keep()

    async def _tell(self) -> _T:
        return self.result()


class _Spare:
    """A task without work. Work that never waits leaves it unused for the next: making a task costs more than such work."""

    __slots__ = ("_given", "_loop", "_resumed", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._given: asyncio.Future[None] = loop.create_future()
        self._resumed: _Resumed | None = None
        self.task: asyncio.Task[Any] = loop.create_task(self._run())

    def take(self, work: Coroutine[Any, Any, _T], waits_for: object) -> "asyncio.Task[_T]":
        """Go on with ``work``, which waits for ``waits_for``, in this task."""
        self._resumed = _Resumed(work, waits_for)
        self._given.set_result(None)
        return self.task

    def keep(self) -> None:
        """Wait for other work."""
        if not self.task.cancelling():
            _SPARES.setdefault(self._loop, []).append(self)

    async def _run(self) -> Any:  # noqa: ANN401 - whatever the work gives
        if not self._given.done():
            try:
                await self._given
            except asyncio.CancelledError as error:
                if self._resumed is None:
                    self._forget()
                    raise
                self._resumed.thrown = error  # is meant for the work
        if self._resumed is None:
            raise asyncio.CancelledError
        return await self._resumed

    def _forget(self) -> None:
        spares = _SPARES.get(self._loop, [])
        if self in spares:
            spares.remove(self)
        if not spares:
            _SPARES.pop(self._loop, None)


# As many for each loop as pieces of work were ever begun inside one another, which is few.
_SPARES: dict[asyncio.AbstractEventLoop, list[_Spare]] = {}


class _Resumed:
    """Awaits what is left of a coroutine that already waits for ``waits_for``; ``thrown`` goes into it first."""

    def __init__(self, work: Coroutine[Any, Any, object], waits_for: object) -> None:
        self._work, self._waits_for = work, waits_for
        self.thrown: BaseException | None = None

    def __await__(self) -> Generator[Any, Any, Any]:
        waits_for, thrown = self._waits_for, self.thrown
        value = None
        while True:
            if thrown is None:
                try:
                    value = yield waits_for
                except BaseException as error:  # noqa: BLE001 - whatever comes goes into the work
                    thrown = error
            try:
                waits_for = self._work.throw(thrown) if thrown is not None else self._work.send(value)
            except StopIteration as end:
                return end.value
            thrown = None
