"""The doctor's checks of the disk: room for journals, and what a durable write costs."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tradepit.cli.finding import Finding, fail, ok, warn
from tradepit.config import Settings
from tradepit.runtime.clock import SystemClock

LITTLE_SPACE, TOO_LITTLE_SPACE = 5 << 30, 1 << 29
SLOW_SYNC_MS = 10.0
_VOLATILE = ("tmpfs", "ramfs")


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
