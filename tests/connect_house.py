"""The broker connect as an operator runs it: a ``config.yaml``, private servers, processes, and kill -9 for each of them."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from tests.outside_engine import IF, PORTFOLIO, RB
from tests.patience import PATIENCE_S
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitmqServer
from tests.servers.valkey import ValkeyServer

from tradepit.backends.broker.tqsdk import child
from tradepit.runtime.host import PARENT_VARIABLE
from tradepit.web.diff.addresses import addresses

SERVERS = ("rabbitmq", "valkey", "postgresql")


class ConnectHouse:
    """RabbitMQ, Valkey, PostgreSQL and the connect's processes, each with a port and a folder that stay its own over its deaths.

    ``groups`` are the roles of each process. Blocking.
    """

    def __init__(self, folder: Path, groups: Sequence[tuple[str, ...]]) -> None:
        self.folder, self._groups = folder, {"+".join(roles): roles for roles in groups}
        folder.mkdir(parents=True)
        self.rabbit, self.valkey, self.postgres = RabbitmqServer(folder / "rabbit"), ValkeyServer(), PostgresServer()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._front_port = 0

    @property
    def processes(self) -> list[str]:
        """The names of the connect's processes."""
        return list(self._groups)

    def log(self, name: str) -> Path:
        """Where a process's own words are."""
        return self.folder / f"{name[:60]}.log"

    def config(self) -> dict[str, Any]:
        """The documents' file."""
        return {
            "tq": {
                "username": "engine", "password": "pw-of-shinnytech", "portfolio_id": PORTFOLIO, "run_mode": "real",
                "symbols": [RB, IF], "broker_id": "simnow", "account": "A1", "account_password": "pw-of-the-account",
            },
            "redis": {"host": "127.0.0.1", "port": self.valkey.port, "password": self.valkey.password, "db": 1},
            "rabbitmq": {"url": self.rabbit.url, "external": {}, "internal": {}},
            "database": {
                "host": "127.0.0.1", "port": self.postgres.port, "user": "tradepit", "password": self.postgres.password,
                "dbname": "postgres",
            },
        }  # fmt: skip

    def start(self, front_port: int) -> None:
        """The servers, then every process."""
        self._front_port = front_port
        for server in (self.rabbit, self.valkey, self.postgres):
            server.start()
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config()))
        for name in self._groups:
            self._launch(name)

    def kill(self, victim: str) -> bool:
        """kill -9 of a server, of a process, or of ``<process>:tqsdk``, its TqSDK; whether there was something to kill."""
        if victim in SERVERS:
            self._server(victim).kill()
            return True
        name, _, part = victim.partition(":")
        process = self._processes[name]
        if process.poll() is not None:
            return False
        if not part:
            process.kill()
            process.wait()
            return True
        found = _tqsdk_of(process.pid)
        with contextlib.suppress(ProcessLookupError):  # it may just have ended
            if found:
                os.kill(found, signal.SIGKILL)
                return True
        return False

    def revive(self, what: str) -> None:
        """Start again a server, or a process, that is dead; waits until a server serves. Idempotent."""
        if what in SERVERS:
            self._server(what).start()
        elif self._processes[what].poll() is not None:
            self._launch(what)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.rabbit.stop()
        self.valkey.__exit__(kind, error, trace)
        self.postgres.__exit__(kind, error, trace)

    def _server(self, name: str) -> "RabbitmqServer | ValkeyServer | PostgresServer":
        servers: dict[str, Callable[[], RabbitmqServer | ValkeyServer | PostgresServer]] = {
            "rabbitmq": lambda: self.rabbit,
            "valkey": lambda: self.valkey,
            "postgresql": lambda: self.postgres,
        }
        return servers[name]()

    def _launch(self, name: str) -> None:
        # TqSDK is sent to our front and nowhere else.
        environment = os.environ | addresses("127.0.0.1", self._front_port)
        environment |= {"HTTPS_PROXY": "http://127.0.0.1:9", PARENT_VARIABLE: str(os.getpid())}
        command = [sys.executable, "-m", "tradepit", "run", *self._groups[name], "--config", str(self.folder / "config.yaml")]
        with self.log(name).open("ab") as output:
            self._processes[name] = subprocess.Popen(command, cwd=self.folder, stdout=output, stderr=output, env=environment)


def _tqsdk_of(pid: int) -> int:
    """The TqSDK process that a process of ours has started, 0 when there is none."""
    with contextlib.suppress(OSError):  # either may just have ended
        for name in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if child.MODULE.encode() in Path(f"/proc/{name}/cmdline").read_bytes():
                return int(name)
    return 0
