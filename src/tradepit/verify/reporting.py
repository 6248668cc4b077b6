"""What the command line runs: verify, write the verdict, return the exit code."""

import json
import sys
from collections.abc import Callable, Sequence

from tradepit.verify.entries import UnreadableError
from tradepit.verify.verdict import render, to_json
from tradepit.verify.verification import run


def report(
    *,
    orders: str,
    commands: str,
    reports: str,
    intents: Sequence[str] = (),
    external_accounts: Sequence[str] = (),
    streams: Sequence[str] = (),
    strict: bool = False,
    as_json: bool = False,
    write: Callable[[str], object] | None = None,
) -> int:
    """``run`` with its verdict written as text or JSON. Returns 0 clean, 1 findings, 2 a journal cannot be read."""
    write = write or sys.stdout.write
    try:
        verdict = run(
            orders=orders,
            commands=commands,
            reports=reports,
            intents=intents,
            external_accounts=external_accounts,
            streams=streams,
            strict=strict,
        )
    except UnreadableError as error:
        told = {"exit_code": error.exit_code, "location": error.location, "offset": error.offset, "reason": error.reason}
        write((json.dumps(told) if as_json else str(error)) + "\n")
        return error.exit_code
    write((to_json(verdict) if as_json else render(verdict)) + "\n")
    return verdict.exit_code
