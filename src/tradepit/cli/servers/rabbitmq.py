"""A private RabbitMQ server: a process of our own on loopback, in one folder, with a login of its own."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tradepit.cli.servers.ports import wait_for
from tradepit.runtime.free_ports import free_port
from tradepit.trading.model.errors import Unavailable

# /usr/sbin/rabbitmq-server changes to another user and forgets the environment; this one does what it is told.
_PROGRAMS = (Path("/usr/lib/rabbitmq/bin/rabbitmq-server"), Path("/usr/local/opt/rabbitmq/sbin/rabbitmq-server"))
_CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
default_user = {user}
default_pass = {password}
log.console = true
log.console.level = critical
log.file = false
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 64MB
"""


def find_rabbitmq_server() -> Path:
    """The server's start script. Raises Unavailable with what to do."""
    for path in _PROGRAMS:
        if path.exists():
            return path
    raise Unavailable("rabbitmq-server is not installed; as root: apt-get install --no-install-recommends rabbitmq-server")


class RabbitmqServer:
    """One rabbitmq-server that answers on 127.0.0.1 only. Blocking; takes about four seconds to start.

    Everything it keeps is in ``folder``: starting again recovers it, after SIGKILL too. Its epmd is its own and ends with ``stop``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._user, self._password = "tradepit", secrets.token_urlsafe(16)
        self.port, self._epmd_port, self._dist_port = free_port(), free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """``amqp://user:password@127.0.0.1:<port>/``."""
        return self.url_at(self.port)

    @property
    def data(self) -> Path:
        """Where queues and streams are kept."""
        return self._folder / "mnesia"

    @property
    def log_path(self) -> Path:
        """What the server said."""
        return self._folder / "rabbitmq.log"

    def url_at(self, port: int) -> str:
        """The same login by way of another port of loopback."""
        return f"amqp://{self._user}:{self._password}@127.0.0.1:{port}/"

    def start(self, timeout_s: float = 180.0) -> str:
        """Start, wait until it serves, and return its URL. Idempotent. Raises Unavailable with the end of its log."""
        if self._process is not None and self._process.poll() is None:
            return self.url
        program = find_rabbitmq_server()
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "rabbitmq.conf"
        config.touch(mode=0o600)
        config.write_text(_CONFIG.format(port=self.port, user=self._user, password=self._password))
        (self._folder / "enabled_plugins").write_text("[].\n")
        (self._folder / "home").mkdir(exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [str(program)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                start_new_session=True,
            )
        self._await_ready(timeout_s)
        return self.url

    def stop(self, timeout_s: float = 20.0) -> None:
        """End the server in order (SIGTERM), by force after ``timeout_s`` seconds, and its epmd. Idempotent."""
        self._end(signal.SIGTERM, timeout_s)
        for pid in _pids_of("epmd", "environ", f"ERL_EPMD_PORT={self._epmd_port}\0"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def kill(self) -> None:
        """End the server at once (SIGKILL), as a crash would; ``start`` recovers."""
        self._end(signal.SIGKILL, 20.0)

    def pause(self) -> None:
        """Freeze the server (SIGSTOP): connections stay, nothing answers."""
        self._signal(signal.SIGSTOP)
        if self._process is not None:
            for pid in self._machines(self._process.pid):  # the signal alone returns before it stopped
                while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
                    time.sleep(0.005)

    def resume(self) -> None:
        """Let a frozen server go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def forget(self) -> None:
        """Throw away everything a stopped server kept."""
        shutil.rmtree(self.data)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _environment(self) -> dict[str, str]:
        folder = self._folder
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "C.UTF-8",
            "HOME": str(folder / "home"),  # the Erlang cookie
            "RABBITMQ_NODENAME": f"t{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_MNESIA_BASE": str(self.data),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none",
        }

    def _end(self, number: signal.Signals, timeout_s: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        _signal_group(process.pid, signal.SIGCONT)
        # The start script is the process we know; the Erlang machine is in its group, in a session of its own making.
        for pid in self._machines(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if number is signal.SIGKILL:
            _signal_group(process.pid, number)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            for pid in self._machines(self._process.pid):
                os.kill(pid, number)

    def _machines(self, leader: int) -> list[int]:
        return [pid for pid in _pids_of("beam", "cmdline", "") if _group_of(pid) == leader] or [leader]

    def _await_ready(self, timeout_s: float) -> None:
        if self._process is not None and wait_for(self._serves, self._process, timeout_s):
            return
        tail = self.log_path.read_text(errors="replace").splitlines()[-5:]
        self.stop()
        raise Unavailable("rabbitmq-server did not start", port=self.port, log=" | ".join(tail))

    def _serves(self) -> bool:
        # A protocol header it cannot speak is answered with the one it can, as soon as it serves.
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as probe:
            probe.sendall(b"AMQP\x00\x00\x00\x00")
            return probe.recv(4) == b"AMQP"
        return False


def _pids_of(program: str, place: str, text: str) -> list[int]:
    """Processes of ``program`` in whose ``/proc/<pid>/<place>`` (``cmdline`` or ``environ``) the text is found."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            name = (entry / "cmdline").read_bytes().partition(b"\0")[0].decode(errors="replace")
            if program in name and text in (entry / place).read_bytes().decode(errors="replace"):
                found.append(int(entry.name))
    return found


def _group_of(pid: int) -> int:
    """A process's group, 0 when it has just ended."""
    with contextlib.suppress(ProcessLookupError):
        return os.getpgid(pid)
    return 0


def _signal_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)
