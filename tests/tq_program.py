"""A program that uses an unmodified TqSDK, run in a process of its own whose environment leads to one DIFF front and nowhere else."""

import sys
import textwrap
from pathlib import Path

from tests.saying_program import Said, SayingProgram

from tradepit.web.diff.addresses import addresses

__all__ = ["Said", "TqProgram"]

_PRELUDE = """
import json, sys, time
from datetime import date
import tqsdk.connect
from tqsdk import TqApi, TqAuth, TqKq, TqAccount, TqSim, TqMultiAccount, TargetPosTask, TqBacktest, BacktestFinished

# Between 19:00 and 19:30 in China its vendor's servers are serviced: a connection that breaks then is given up, and the program ends.
# Whether a machine runs these programs at that hour is not what they are about.
noon = tqsdk.connect._cst_now().replace(hour=12)
tqsdk.connect._cst_now = lambda: noon

def say(**told):
    print("SAID " + json.dumps(told, default=str), flush=True)

def wait(api, holds, what, seconds=120):
    deadline = time.time() + seconds
    while not holds():
        assert time.time() < deadline, "waited in vain for " + what
        api.wait_update(deadline=time.time() + 1)

def kq(user="alice", **more):
    return TqApi(TqKq(), auth=TqAuth(user, "pw"), disable_print=True, debug=False, **more)

def account(user, broker="simnow", **more):
    return TqApi(TqAccount(broker, user, "pw"), auth=TqAuth("auth-" + user, "pw"), disable_print=True, debug=False, **more)
"""


class TqProgram(SayingProgram):
    """``body`` says things with ``say(name=value)``."""

    def __init__(self, folder: Path, port: int, body: str) -> None:
        super().__init__(folder, [sys.executable, "-c", _PRELUDE + textwrap.dedent(body)], addresses("127.0.0.1", port))

    def trouble(self) -> str:
        """The first traceback: what comes after it is the event loop being torn down."""
        text = self._errors.read_text(errors="replace")
        return text[max(0, text.find("Traceback")) :][:3000]
