"""How fast this machine is at fixed work: what figures of two machines are divided by before they are compared."""

import os
import platform
import statistics
import sysconfig
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import thread_time
from types import FunctionType
from typing import Any

_STEPS = 300_000
_COMPILED_STEPS = 10_000_000
_CELLS = 4096


def plain_loop(steps: int, cells: list[int]) -> int:
    """A fixed amount of what an interpreted kernel does: calls, comparisons, sums, reading and writing of lists."""
    state, last = 12345, len(cells) - 1
    for step in range(steps):
        state = _mix(state, step)
        place = state & last
        value = cells[place]
        if value < step:
            cells[place] = value + 1
        else:
            cells[place] = value - step
    return state


def _mix(state: int, step: int) -> int:
    return (state * 69069 + step) & 0x3FFFFFFF


def calibrate(repeats: int = 7) -> dict[str, Any]:
    """Medians in nanoseconds of processor time per step, and what the machine and the interpreter are.

    ``python_step_ns`` is of ``plain_loop``; ``compiled_step_ns`` of the same loop compiled by numba. A CPython that was not built
    with profile-guided optimisation is slower by a third or so in everything interpreted.
    """
    plain = statistics.median(_timed(plain_loop, _STEPS, [0] * _CELLS) for _ in range(repeats)) / _STEPS * 1e9
    told: dict[str, Any] = {
        "processor": _processor(),
        "cpus": os.cpu_count() or 0,
        "python": platform.python_version(),
        "python_built_with_pgo": "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""),
        "python_step_ns": round(plain, 1),
    }
    if find_spec("numba"):
        told["compiled_step_ns"] = round(_compiled_ns(repeats), 2)
    return told


def _timed(loop: Any, steps: int, cells: Any) -> float:  # noqa: ANN401 - one of the two forms of the loop and its cells
    start = thread_time()
    loop(steps, cells)
    return thread_time() - start


def _compiled_ns(repeats: int) -> float:
    numba: Any = import_module("numba")  # an optional dependency, and heavy to import
    mix = numba.njit(inline="always")(_mix)
    space = {**globals(), "_mix": mix}
    loop = numba.njit(FunctionType(plain_loop.__code__, space))
    cells = import_module("numpy").zeros(_CELLS, "int64")
    loop(1, cells)
    return statistics.median(_timed(loop, _COMPILED_STEPS, cells) for _ in range(repeats)) / _COMPILED_STEPS * 1e9


def _processor() -> str:
    """The processor's name, where the system tells it."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
