"""``tradepit verify``: every intent's fate, from the journals alone."""

import sys
from pathlib import Path

from tradepit import verify
from tradepit.cli.exits import Exit
from tradepit.cli.proof import judge


def run_verify(folder: Path, *, strict: bool, json: bool, progress: bool = False) -> int:
    """Print the verdict. Exit 0 clean, 1 findings, 2 a journal is missing or damaged (named with its place).

    How far it is goes to stderr, when that is a terminal or ``progress`` is asked for.
    """
    try:
        with verify.ProgressLine(always=progress) as line:
            verdict = judge(folder, strict=strict, tell=line.tell)
    except verify.UnreadableError as error:
        sys.stderr.write(f"JOURNAL_UNREADABLE: {error}\n")
        return int(Exit.USAGE)
    sys.stdout.write((verify.to_json(verdict) if json else verify.render(verdict)) + "\n")
    return verdict.exit_code
