"""The exchange's side read by a process of its own, while this one reads order management's journal: half the waiting."""

import gc
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tradepit.verify.entries import UnreadableError
from tradepit.verify.locations import is_stream, path_of
from tradepit.verify.progress import Told
from tradepit.verify.venue_side import VenueSide, read_venue_side

_WORTH_BYTES = 32 << 20
"""Below this a process costs more than it saves."""
_PROGRAM = f"import sys; from {__name__} import main; sys.exit(main(*sys.argv[1:]))"


class Reading:
    """The exchange's journals being read, elsewhere or, as soon as the result is asked for, here."""

    def __init__(
        self, commands: str, reports: str, *, strict: bool, tell: Told, process: "subprocess.Popen[bytes] | None"
    ) -> None:
        self._commands, self._reports, self._strict, self._tell, self._process = commands, reports, strict, tell, process

    def result(self) -> VenueSide:
        """What was read. A process that fails is replaced by reading here, which says what is wrong. Raises UnreadableError."""
        found = self._collect() if self._process is not None else None
        if found is None:
            return read_venue_side(self._commands, self._reports, strict=self._strict, tell=self._tell)
        return found

    def _collect(self) -> VenueSide | None:
        process = self._process
        if process is None or process.stdout is None or process.stderr is None:
            return None
        data = process.stdout.read()
        if process.wait() != 0:
            return None
        found = pickle.loads(data)  # noqa: S301 - written by our own process
        return found if isinstance(found, VenueSide) else None

    def follow(self) -> None:
        """Pass on what the process says of its progress, until it ends."""
        if self._process is None or self._process.stderr is None:
            return
        for line in self._process.stderr:
            part, _, percent = line.decode(errors="replace").strip().rpartition(" ")
            if percent.isdigit() and part in ("reports", "commands"):
                self._tell(part, int(percent))


@contextmanager
def reading(commands: str, reports: str, *, strict: bool, tell: Told) -> Iterator[Reading]:
    """Begin to read; leaving ends a process that nobody waits for any more. Raises UnreadableError."""
    process = _start(commands, reports, strict=strict) if _is_worth_it(commands, reports) else None
    under_way = Reading(commands, reports, strict=strict, tell=tell, process=process)
    follower = threading.Thread(target=under_way.follow, name="verify-progress", daemon=True)
    follower.start()
    try:
        yield under_way
    finally:
        if process is not None:
            process.kill()
            process.wait()
        follower.join()
        for pipe in (process.stdout, process.stderr) if process is not None else ():
            if pipe is not None:
                pipe.close()


def _is_worth_it(commands: str, reports: str) -> bool:
    if is_stream(commands) or is_stream(reports) or (os.cpu_count() or 1) < 2:
        return False
    sizes = [path.stat().st_size for path in map(path_of, (commands, reports)) if path.is_file()]
    return len(sizes) == 2 and sum(sizes) >= _WORTH_BYTES


def _start(commands: str, reports: str, *, strict: bool) -> "subprocess.Popen[bytes] | None":
    command = [sys.executable, "-c", _PROGRAM, commands, reports, "strict" if strict else ""]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError:
        return None


def main(commands: str, reports: str, strict: str) -> int:
    """Read, and write the result to stdout. 2 when a journal cannot be read: whoever asked will find out by itself."""
    gc.disable()
    try:
        side = read_venue_side(commands, reports, strict=bool(strict), tell=_say)
    except UnreadableError:
        return 2
    pickle.dump(side, sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)
    sys.stdout.flush()
    return 0


def _say(part: str, percent: int) -> None:
    sys.stderr.write(f"{part} {percent}\n")
    sys.stderr.flush()
