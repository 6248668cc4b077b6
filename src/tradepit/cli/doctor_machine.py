"""The doctor's checks of the machine: interpreter, packages, processors, descriptors and clock."""

import importlib.util
import os
import re
import resource
import sys
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from statistics import median

from tradepit.cli.finding import Finding, fail, ok, warn
from tradepit.config import Settings
from tradepit.ports.clock import Clock
from tradepit.runtime.clock import SystemClock

OLDEST, NEWEST = (3, 11), (3, 14)
FEW_DESCRIPTORS = 1_024
CLOCK_SAMPLES, CLOCK_PAUSE_S = 20, 0.01
STEP_MS, LATE_MS = 2.0, 20.0
_BUILT_NS = 1_735_689_600_000_000_000  # 2025-01-01 UTC: no machine that runs this can be earlier
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?([^;]*)(;.*)?$")
_AT_LEAST = re.compile(r">=\s*([0-9.]+)")


def check_python(settings: Settings) -> Finding:
    """The interpreter's version."""
    del settings
    return python_finding(sys.version_info[:3], sys.implementation.name)


def python_finding(version: tuple[int, ...], implementation: str) -> Finding:
    """What to say of an interpreter."""
    seen = f"{implementation} {'.'.join(map(str, version))}"
    if version[:2] < OLDEST or implementation != "cpython":
        return fail(seen, f"install CPython {OLDEST[0]}.{OLDEST[1]} or newer and make the environment with it")
    if version[:2] > NEWEST:
        return warn(seen, f"not tried beyond {NEWEST[0]}.{NEWEST[1]}: use that one if something breaks")
    return ok(seen)


def check_packages(settings: Settings) -> Finding:
    """The packages this one needs, present and new enough."""
    del settings
    return packages_finding(metadata.requires("tradepit") or ())


def packages_finding(requirements: Sequence[str]) -> Finding:
    """What to say of requirements as a distribution's metadata lists them; those of extras are left out."""
    seen, wrong = [], []
    for requirement in requirements:
        match = _REQUIREMENT.match(requirement.replace(" ", ""))
        if match is None or "extra==" in (match[3] or "") or ("sys_platform" in (match[3] or "") and sys.platform == "win32"):
            continue
        wanted = _AT_LEAST.search(match[2])
        try:
            found = metadata.version(match[1])
        except metadata.PackageNotFoundError:
            wrong.append(f"{match[1]} is missing")
            continue
        seen.append(f"{match[1]} {found}")
        if wanted is not None and _numbers(found) < _numbers(wanted[1]):
            wrong.append(f"{match[1]} {found} is older than {wanted[1]}")
    if wrong:
        return fail(", ".join(wrong), "run `pip install --upgrade tradepit` in this environment")
    return ok(", ".join(seen))


def check_event_loop(settings: Settings) -> Finding:
    """Which event loop the services will run on."""
    del settings
    if sys.platform == "win32":
        return warn("asyncio's own loop", "run it on Linux or macOS for the figures the documentation names")
    if importlib.util.find_spec("uvloop") is None:
        return fail("uvloop is missing", "run `pip install uvloop`")
    return ok(f"uvloop {metadata.version('uvloop')}")


def check_numba(settings: Settings) -> Finding:
    """Whether the matching kernel is compiled."""
    del settings
    if importlib.util.find_spec("numba") is None:
        return warn("not installed: the matching kernel is interpreted", "run `pip install 'tradepit[fast]'` for a compiled one")
    return ok(f"numba {metadata.version('numba')}: the matching kernel is compiled")


def check_cpus(settings: Settings) -> Finding:
    """Processors this process may use."""
    del settings
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    seen = f"{usable} usable of {os.cpu_count()}, load {os.getloadavg()[0]:.1f}"
    return ok(seen) if usable > 1 else warn(seen, "give it two or more: leader, standbys and exchange share one")


def check_file_descriptors(settings: Settings) -> Finding:
    """How many files and sockets a process may hold."""
    del settings
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return descriptors_finding(soft, hard)


def descriptors_finding(soft: int, hard: int) -> Finding:
    """What to say of the limits."""
    if soft == resource.RLIM_INFINITY or soft >= FEW_DESCRIPTORS:
        return ok(f"{soft if soft != resource.RLIM_INFINITY else 'unlimited'}")
    highest = 4_096 if hard == resource.RLIM_INFINITY else min(4_096, hard)
    return warn(f"{soft} of at most {hard}", f"run `ulimit -n {highest}` in the shell that starts the house")


def check_clock(settings: Settings) -> Finding:
    """Whether the wall clock keeps step with the monotonic one, and whether a short sleep is short."""
    del settings
    return clock_finding(SystemClock(), time.sleep)


def clock_finding(clock: Clock, pause: Callable[[float], None]) -> Finding:
    """Compares the clocks over a fifth of a second. The wall clock dates events; leases and latencies use the other."""
    steps, late = [], []
    if clock.now_ns() < _BUILT_NS:
        return fail("the wall clock lies before 2025", "set the machine's clock, best with an NTP service")
    for _ in range(CLOCK_SAMPLES):
        wall, mono = clock.now_ns(), clock.monotonic_ns()
        pause(CLOCK_PAUSE_S)
        passed = clock.monotonic_ns() - mono
        steps.append(abs((clock.now_ns() - wall) - passed) / 1e6)
        late.append(passed / 1e6 - CLOCK_PAUSE_S * 1e3)
    seen = f"wall against monotonic within {max(steps):.3f} ms, sleeps {median(late):.2f} ms late (worst {max(late):.1f})"
    # One reading can be interrupted between the two clocks; a clock that is stepped or slewed hard shows in many.
    if median(steps) > STEP_MS or max(steps) > 100 * STEP_MS:
        return warn(seen, "the wall clock is being moved: let the NTP service settle (`chronyc tracking`, `timedatectl`)")
    if median(late) > LATE_MS:
        return warn(seen, "the machine is overloaded or throttled: close other work, or take a machine of your own")
    return ok(seen)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+", maxsplit=1)[0])[:3])
