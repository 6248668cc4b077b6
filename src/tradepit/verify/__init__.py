"""The independent verifier: reads journals and logs by itself and says which orders were lost, doubled or unexplained."""

from tradepit.verify.entries import UnreadableError
from tradepit.verify.findings import Finding, Kind
from tradepit.verify.progress import ProgressLine, Told, nobody
from tradepit.verify.reporting import report
from tradepit.verify.verdict import Verdict, render, to_json
from tradepit.verify.verification import run

__all__ = [
    "Finding",
    "Kind",
    "ProgressLine",
    "Told",
    "UnreadableError",
    "Verdict",
    "nobody",
    "render",
    "report",
    "run",
    "to_json",
]
