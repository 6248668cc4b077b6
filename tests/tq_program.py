"""A program that uses an unmodified TqSDK, run in a process of its own whose environment leads to one DIFF front and nowhere else."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from tradepit.web.diff.addresses import addresses

_PRELUDE = """
import json, sys, time
from datetime import date
from tqsdk import TqApi, TqAuth, TqKq, TqAccount, TqSim, TqMultiAccount, TargetPosTask, TqBacktest, BacktestFinished

def say(**told):
    print("SAID " + json.dumps(told, default=str), flush=True)

def wait(api, holds, what, seconds=40):
    deadline = time.time() + seconds
    while not holds():
        assert time.time() < deadline, "waited in vain for " + what
        api.wait_update(deadline=time.time() + 1)

def kq(user="alice", **more):
    return TqApi(TqKq(), auth=TqAuth(user, "pw"), disable_print=True, debug=False, **more)

def account(user, broker="simnow", **more):
    return TqApi(TqAccount(broker, user, "pw"), auth=TqAuth("auth-" + user, "pw"), disable_print=True, debug=False, **more)
"""
# Silently replace account, login or backtest, so they must not be inherited.
_SCRUBBED = ("TQ_", "HTTP", "http", "HTTPS", "https", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy", "PYTHON", "TRADEPIT_")
Said = dict[str, Any]


class TqProgram:
    """``body`` says things with ``say(name=value)``; ``said`` waits for its end and gives all of it, in order.

    Nothing leaves the machine: every other host is behind a proxy that does not exist.
    """

    def __init__(self, folder: Path, port: int, body: str, *, stock: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._number = len(list(folder.glob("*.out")))
        self._path = folder / f"{self._number}.out"
        self._errors = folder / f"{self._number}.err"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_SCRUBBED)}
        environment |= addresses("127.0.0.1", port) | {"HOME": str(folder), "HTTPS_PROXY": "http://127.0.0.1:9"}
        with self._path.open("wb") as out, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PRELUDE + textwrap.dedent(body)],
                stdout=out, stderr=errors, stdin=subprocess.DEVNULL, env=environment, start_new_session=True,
            )  # fmt: skip

    def so_far(self) -> list[Said]:
        """What it has said until now."""
        lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        return [json.loads(line.removeprefix("SAID ")) for line in lines if line.startswith("SAID ")]

    def said(self, timeout_s: float = 90) -> list[Said]:
        """All it had to say, once it has ended well."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            code = -1
        assert code == 0, f"ended with {code}: {self._trouble()}\nsaid {self.so_far()[-5:]}"
        return self.so_far()

    def _trouble(self) -> str:
        """The first traceback: what comes after it is the event loop being torn down."""
        text = self._errors.read_text(errors="replace")
        return text[max(0, text.find("Traceback")) :][:3000]

    def kill(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
