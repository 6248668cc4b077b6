"""A house of processes on this machine: the embedded NATS server and every role of a profile, started, killed, revived, stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from tradepit.config import Settings, dump
from tradepit.profiles.catalogue import roles_of
from tradepit.runtime.host import PARENT_VARIABLE
from tradepit.runtime.nats_server import NatsServer

_STOP_S = 30.0
JOURNAL_FOLDER = "journals"
SERVER_FOLDER = "nats"
SETTINGS_FILE = "settings.yaml"


class Member(msgspec.Struct, kw_only=True):
    """One process of the house: which role instances live in it, and how often it was started again after it died."""

    name: str
    instances: tuple[str, ...]
    process: "subprocess.Popen[bytes] | None" = None
    revived: int = 0
    expected: bool = True


class House:
    """Blocking. ``revive`` starts every process again that died; nothing is shared with it but files and the bus.

    ``without`` are roles left out, ``also`` those on request that are wanted, ``late`` such that wait for ``begin_late``.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        *,
        without: frozenset[str] = frozenset(),
        also: frozenset[str] = frozenset(),
        late: frozenset[str] = frozenset(),
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        # Journals in files hold the truth; then the server keeps nothing that could not be published again after a power cut.
        keeps_journals = settings.journal.startswith("jetstream")
        self.server = NatsServer(folder / SERVER_FOLDER, sync="always" if keeps_journals else "1s")
        self._settings = settings
        self._without, self._also = without, also | late
        self.settings_path = folder / SETTINGS_FILE
        self.members = {
            name: Member(name=name, instances=instances, expected=not all(_role_of(each) in late for each in instances))
            for name, instances in self._processes().items()
        }

    @property
    def settings(self) -> Settings:
        """The settings the processes run with, once started."""
        return self._settings

    def start(self) -> None:
        """The server first, then every process at once: each waits for whom it needs."""
        self.server.start()
        exchange = self._settings.exchange
        if exchange.starts_at and not exchange.origin_ns:
            exchange = msgspec.structs.replace(exchange, origin_ns=time.time_ns())  # noqa: TID251 - the launcher sets the epoch
        self._settings = msgspec.structs.replace(
            self._settings, bus=self.server.url, data_dir=str(self.folder), exchange=exchange
        )
        self.settings_path.touch(mode=0o600)  # addresses of servers may have passwords in them
        self.settings_path.write_text(dump(self._settings), encoding="utf-8")
        for member in self.members.values():
            if member.expected:
                self._launch(member)

    def begin_late(self) -> None:
        """Start the processes that have waited for it."""
        for member in self.members.values():
            if not member.expected and member.process is None:
                member.expected = True
                self._launch(member)

    def revive(self) -> list[str]:
        """Start again what died; the names of the processes revived."""
        dead = [member for member in self.members.values() if member.expected and _ended(member)]
        for member in dead:
            member.revived += 1
            self._launch(member)
        return [member.name for member in dead]

    def send(self, name: str, number: signal.Signals) -> int:
        """Send a signal to one of the house's own processes; its pid."""
        process = self.members[name].process
        if process is None or process.poll() is not None:
            return 0
        process.send_signal(number)
        return process.pid

    def process_of(self, instance: str) -> str:
        """The process in which an instance lives."""
        return next(name for name, member in self.members.items() if instance in member.instances)

    def stop(self) -> dict[str, int]:
        """SIGTERM to all, SIGKILL to who does not end in time, then the server; exit codes by process."""
        for member in self.members.values():
            member.expected = False
            self.send(member.name, signal.SIGCONT)
            self.send(member.name, signal.SIGTERM)
        codes = {name: _await_end(member) for name, member in self.members.items()}
        self.server.stop()
        return codes

    def _processes(self) -> dict[str, tuple[str, ...]]:
        grouped: dict[str, list[str]] = {}
        for role in roles_of(self._settings.profile, self._settings.broker):
            wanted = role.name in self._also or not (role.on_request or (role.with_store and not self._settings.store))
            if role.name not in self._without and wanted:
                for number, instance in enumerate(role.instances(), start=1):
                    grouped.setdefault(role.process_of(number), []).append(instance)
        return {name: tuple(instances) for name, instances in grouped.items()}

    def _launch(self, member: Member) -> None:
        command = [sys.executable, "-m", "tradepit", "run", *member.instances, "--config", str(self.settings_path)]
        environment = os.environ | {PARENT_VARIABLE: str(os.getpid())}
        with (self.folder / f"{member.name}.out").open("ab") as log:
            member.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment, start_new_session=True
            )


def _role_of(instance: str) -> str:
    return instance.rpartition("-")[0]


def _ended(member: Member) -> bool:
    return member.process is None or member.process.poll() is not None


def _await_end(member: Member) -> int:
    if member.process is None:
        return 0
    try:
        return member.process.wait(timeout=_STOP_S)
    except subprocess.TimeoutExpired:
        member.process.kill()
        return member.process.wait()
