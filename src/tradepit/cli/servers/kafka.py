"""A private Apache Kafka: one broker that is its own controller, a process of our own on loopback, in one folder."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from tradepit.cli.servers.ports import answers, wait_for
from tradepit.runtime.free_ports import free_port
from tradepit.trading.model.errors import Unavailable

JARS_VARIABLE = "KAFKA_JARS"
_JAVA = ("-Xms96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
_CONFIG = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners={protocol}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners={protocol}://127.0.0.1:{port}
inter.broker.listener.name={protocol}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable={creates}
num.network.threads=2
num.io.threads=2
background.threads=1
broker.heartbeat.interval.ms=250
broker.session.timeout.ms=1000
num.recovery.threads.per.data.dir=1
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=4194304
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""
_LOGIN = """\
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
  username="tradepit" password="{password}" user_tradepit="{password}";
"""
# Asks which versions of its calls the broker speaks: correlation 1, no name of a client.
_HELLO = bytes.fromhex("0000000a0012000000000001ffff")


def jar_folders() -> tuple[Path, ...]:
    """Where Kafka's programs are: what ``KAFKA_JARS`` names, else where ``make servers`` puts them in a checkout."""
    return (Path(os.environ.get(JARS_VARIABLE, "tests/servers/kafka_jars")).absolute(),)


class KafkaServer:
    """One broker that answers on 127.0.0.1 only. Blocking; takes about five seconds to start.

    ``jars`` are the folders that its programs are in. Everything it keeps is in ``folder``: starting again recovers it, after
    SIGKILL too. ``creates_topics``: whether a topic comes to be when a program publishes to it, as a broker does unless told.
    With ``login`` it lets in only who knows its password.
    """

    def __init__(
        self, folder: Path, jars: Sequence[Path], *, creates_topics: bool = True, login: bool = False, heap_mb: int = 384
    ) -> None:
        self._folder, self._creates, self._heap_mb = folder, creates_topics, heap_mb
        self.password = secrets.token_urlsafe(18) if login else ""
        self._classpath = os.pathsep.join(f"{path}/*" for path in jars)
        self._found = any(True for path in jars for _ in path.glob("kafka_*.jar"))
        self.port, self._controller_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """``127.0.0.1:<port>``, as Kafka's own clients want it."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """``kafka://127.0.0.1:<port>``, with its login where it wants one."""
        if not self.password:
            return f"kafka://{self.address}"
        return f"kafka://tradepit:{self.password}@{self.address}?security.protocol=SASL_PLAINTEXT"

    @property
    def data(self) -> Path:
        """Where topics are kept."""
        return self._folder / "data"

    @property
    def log_path(self) -> Path:
        """What the server said."""
        return self._folder / "kafka.log"

    def start(self, timeout_s: float = 180.0) -> str:
        """Start, wait until it serves, and return its URL. Idempotent. Raises Unavailable with the end of its log."""
        if self._process is not None and self._process.poll() is None:
            return self.url
        if not self._found or shutil.which("java") is None:
            raise Unavailable("Apache Kafka is not installed: it needs Java 17 and its jars; `make servers` brings both")
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "server.properties"
        config.touch(mode=0o600)
        text = _CONFIG.format(
            protocol="SASL_PLAINTEXT" if self.password else "PLAINTEXT",
            port=self.port,
            controller_port=self._controller_port,
            data=self.data,
            creates=str(self._creates).lower(),
        )
        config.write_text(text + (_LOGIN.format(password=self.password) if self.password else ""))
        with self.log_path.open("ab") as log:
            if not self.data.exists():
                cluster = secrets.token_urlsafe(16)
                self._run("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", f"--config={config}", log=log).wait()
            self._process = self._run("kafka.Kafka", str(config), log=log)
        if not wait_for(lambda: answers(self.port, _HELLO, b"\0"), self._process, timeout_s):
            tail = self.log_path.read_text(errors="replace").splitlines()[-5:]
            self.stop()
            raise Unavailable("Kafka did not start", port=self.port, log=" | ".join(tail))
        return self.url

    def stop(self, timeout_s: float = 20.0) -> None:
        """End the server in order (SIGTERM), by force after ``timeout_s`` seconds. Idempotent."""
        self._end(signal.SIGTERM, timeout_s)

    def kill(self) -> None:
        """End the server at once (SIGKILL), as a crash would; ``start`` recovers."""
        self._end(signal.SIGKILL, 20.0)

    def pause(self) -> None:
        """Freeze the server (SIGSTOP): connections stay, nothing answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            while Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
                time.sleep(0.005)  # the signal alone returns before it stopped

    def resume(self) -> None:
        """Let a frozen server go on (SIGCONT)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def forget(self) -> None:
        """Throw away everything a stopped server kept."""
        shutil.rmtree(self.data)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _run(self, program: str, *arguments: str, log: BinaryIO) -> "subprocess.Popen[bytes]":
        command = ["java", f"-Xmx{self._heap_mb}m", *_JAVA, "-cp", self._classpath, program, *arguments]
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder, start_new_session=True
        )

    def _end(self, number: signal.Signals, timeout_s: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for each in (signal.SIGCONT, number):
            process.send_signal(each)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
