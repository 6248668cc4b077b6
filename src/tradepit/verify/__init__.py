"""The independent verifier: reads journals and logs by itself and says which orders were lost, doubled or unexplained."""

from tradepit.verify.connect_verification import ConnectVerdict, render_connect, run_connect
from tradepit.verify.entries import UnreadableError
from tradepit.verify.findings import Finding, Kind
from tradepit.verify.progress import ProgressLine, Told, nobody
from tradepit.verify.reporting import report
from tradepit.verify.verdict import Verdict, render, to_json
from tradepit.verify.verification import run

__all__ = [
    "ConnectVerdict",
    "Finding",
    "Kind",
    "ProgressLine",
    "Told",
    "UnreadableError",
    "Verdict",
    "nobody",
    "render",
    "render_connect",
    "report",
    "run",
    "run_connect",
    "to_json",
]
