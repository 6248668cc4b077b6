"""The broker connect as its users run it: a ``config.yaml``, and the eight services in as many processes as are wanted."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec
import yaml

from tradepit.cli.bench.usage import children, usage
from tradepit.cli.servers.postgres import PostgresServer
from tradepit.cli.servers.rabbitmq import RabbitmqServer
from tradepit.cli.servers.valkey import ValkeyServer
from tradepit.profiles.tq import HANDLERS, ROLES
from tradepit.runtime.host import PARENT_VARIABLE
from tradepit.trading.model.errors import Unavailable
from tradepit.web.diff.addresses import addresses

Logins = Literal["shared", "separate"]
PORTFOLIO, ACCOUNT, SYMBOL = "bench", "A1", "SHFE.rb2505"
_STOP_S = 15.0
_LOG_CHARS = 2000


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One service's process: megabytes resident, its own and of the TqSDK process it has beside it (0: none), processor seconds of
    both since they started.
    """

    rss_mb: float
    tqsdk_mb: float
    cpu_s: float


class Servers:
    """A private RabbitMQ, Valkey and PostgreSQL while the block runs. Raises Unavailable, with what to install."""

    def __init__(self, folder: Path) -> None:
        self.rabbit, self.valkey, self.postgres = RabbitmqServer(folder / "rabbitmq"), ValkeyServer(), PostgresServer()

    def __enter__(self) -> Self:
        try:
            self.rabbit.start()
            self.valkey.start()
            self.postgres.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.rabbit.stop()
        self.valkey.__exit__(kind, error, trace)
        self.postgres.__exit__(kind, error, trace)

    def config(self) -> dict[str, object]:
        """The ``config.yaml`` of a connect that trades one account with them."""
        return {
            "tq": {
                "username": "bench",
                "password": "bench",
                "portfolio_id": PORTFOLIO,
                "run_mode": "real",
                "symbols": [SYMBOL],
                "broker_id": "simnow",
                "account": ACCOUNT,
                "account_password": "bench",
            },
            "redis": {"host": "127.0.0.1", "port": self.valkey.port, "password": self.valkey.password, "db": 0},
            "rabbitmq": {"url": self.rabbit.url},
            "database": {
                "host": "127.0.0.1",
                "port": self.postgres.port,
                "user": "tradepit",
                "password": self.postgres.password,
                "dbname": "postgres",
            },
        }


class Connect:
    """The eight services in ``folder`` while the block runs, then their exit ``codes``. TqSDK is sent to the front at ``front_port``
    and nowhere else. Logins ``separate``: each service has a process of its own, and five of them log in; ``shared``: those five
    share a process and its login, and the three that keep records another.
    """

    def __init__(self, folder: Path, config: Mapping[str, object], front_port: int, *, logins: Logins = "separate") -> None:
        self._folder = folder
        self._groups = _groups(logins)
        folder.mkdir(parents=True)
        (folder / "config.yaml").touch(mode=0o600)
        (folder / "config.yaml").write_text(yaml.safe_dump(dict(config)))
        self.environment = os.environ | addresses("127.0.0.1", front_port) | {"HTTPS_PROXY": "http://127.0.0.1:9"}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.codes: dict[str, int] = {}

    def __enter__(self) -> Self:
        environment = self.environment | {PARENT_VARIABLE: str(os.getpid())}
        for name, roles in self._groups.items():
            command = [sys.executable, "-m", "tradepit", "run", *roles, "--config", "config.yaml"]
            with self._log(name).open("ab") as log:
                self._processes[name] = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                    start_new_session=True,
                )  # fmt: skip
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for name, process in self._processes.items():
            try:
                self.codes[name] = process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                self.codes[name] = process.wait()

    def check(self) -> None:
        """Raises Unavailable, with the end of its log, when a service has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                tail = self._log(name).read_text(errors="replace")[-_LOG_CHARS:]
                raise Unavailable("a service of the broker connect has ended", service=name, log=tail)

    def last_words(self) -> str:
        """The end of each service's log."""
        return "\n".join(f"{name}: {self._log(name).read_text(errors='replace')[-_LOG_CHARS:]}" for name in self._processes)

    def members(self) -> dict[str, Member]:
        """Memory and processor time by service; zeros where the system does not tell."""
        found = {}
        for name, process in self._processes.items():
            own, beside = usage(process.pid), [usage(pid) for pid in children(process.pid)]
            found[name] = Member(
                rss_mb=round(own[0], 1),
                tqsdk_mb=round(sum(child[0] for child in beside), 1),
                cpu_s=round(own[1] + sum(child[1] for child in beside), 1),
            )
        return found

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.out"


def _groups(logins: Logins) -> dict[str, tuple[str, ...]]:
    """Services by the name of their process."""
    if logins == "separate":
        return {role.name: (role.name,) for role in ROLES}
    records = tuple(role.name for role in HANDLERS)
    return {"broker": tuple(role.name for role in ROLES if role.name not in records), "records": records}
