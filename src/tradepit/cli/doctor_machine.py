"""The doctor's checks of the machine: interpreter, packages, processors, descriptors, clock and disk."""

import importlib.util
import os
import re
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from statistics import median

from tradepit.cli.finding import Finding, fail, ok, warn
from tradepit.config import Settings
from tradepit.ports.clock import Clock
from tradepit.runtime.clock import SystemClock

OLDEST, NEWEST = (3, 11), (3, 14)
FEW_DESCRIPTORS = 1_024
LITTLE_SPACE, TOO_LITTLE_SPACE = 5 << 30, 1 << 29
SLOW_SYNC_MS = 10.0
CLOCK_SAMPLES, CLOCK_PAUSE_S = 20, 0.01
STEP_MS, LATE_MS = 2.0, 20.0
_BUILT_NS = 1_735_689_600_000_000_000  # 2025-01-01 UTC: no machine that runs this can be earlier
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?([^;]*)(;.*)?$")
_AT_LEAST = re.compile(r">=\s*([0-9.]+)")
_VOLATILE = ("tmpfs", "ramfs")


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


def check_disk_space(settings: Settings) -> Finding:
    """Free space where journals go."""
    folder = nearest_folder(settings.folder)
    return space_finding(folder, shutil.disk_usage(folder).free)


def space_finding(folder: Path, free: int) -> Finding:
    """What to say of ``free`` bytes."""
    seen = f"{free / (1 << 30):.1f} GiB free in {folder}"
    mend = "make room, or set data_dir to a larger disk"
    if free < TOO_LITTLE_SPACE:
        return fail(seen, mend)
    return warn(seen, mend) if free < LITTLE_SPACE else ok(seen)


def check_disk_sync(settings: Settings) -> Finding:
    """Whether the data folder can be written, and what a durable write costs: every order waits for one."""
    folder = nearest_folder(settings.folder)
    try:
        costs = _sync_costs_ms(folder)
    except OSError as error:
        return fail(f"{folder} cannot be written: {error.strerror}", "make it writable, or set data_dir to a folder of yours")
    mounts = Path("/proc/self/mounts")
    kind = file_system_of(folder, mounts.read_text(encoding="utf-8")) if mounts.exists() else ""
    return sync_finding(costs, kind)


def sync_finding(costs_ms: Sequence[float], file_system: str) -> Finding:
    """What to say of write-and-sync times on a file system."""
    seen = f"4 KiB write and sync {median(costs_ms):.2f} ms (worst {max(costs_ms):.2f})" + (file_system and f", {file_system}")
    if file_system in _VOLATILE:
        return warn(seen, "this folder lives in memory and is lost with the machine: set data_dir to a disk to keep journals")
    if median(costs_ms) > SLOW_SYNC_MS:
        return warn(seen, "use a local SSD for data_dir; `journal: file?sync=os` trades durability against a power cut for speed")
    return ok(seen)


def _sync_costs_ms(folder: Path) -> list[float]:
    clock, costs = SystemClock(), []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(20):
            began_ns = clock.monotonic_ns()
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
            costs.append((clock.monotonic_ns() - began_ns) / 1e6)
    return costs


def file_system_of(folder: Path, mounts: str) -> str:
    """The type of the file system ``folder`` lies on, from the kernel's table of mounts; empty when unknown."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(fields[1].replace("\\040", " "))
        if len(point.parts) >= best and (folder == point or point in folder.parents):
            best, kind = len(point.parts), fields[2]
    return kind


def nearest_folder(folder: Path) -> Path:
    """``folder`` itself, or the nearest folder above it that exists: the doctor creates nothing."""
    folder = folder.absolute()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])
