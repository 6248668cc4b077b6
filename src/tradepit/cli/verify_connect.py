"""``tradepit verify-connect``: what an engine published, and the rows it reads, against the exchange's own journal."""

import sys
from collections.abc import Sequence
from pathlib import Path

from tradepit import verify
from tradepit.cli.exits import Exit
from tradepit.cli.house import JOURNAL_FOLDER
from tradepit.config_tq import load_tq


def run_verify_connect(folder: Path, *, config: Path, published: Sequence[Path]) -> int:
    """Print the verdict. Exit 0 clean, 1 findings, 2 a log, a journal or the tables cannot be read. Raises ConfigError."""
    connect, journals = load_tq(config), folder / JOURNAL_FOLDER
    try:
        verdict = verify.run_connect(
            published=[str(log) for log in published],
            rows=connect.store_url,
            orders=str(journals / "orders"),
            reports=str(journals / "events"),
            account=connect.login.account or connect.portfolio_id,
            portfolio_id=connect.portfolio_id,
        )
    except verify.UnreadableError as error:
        sys.stderr.write(f"JOURNAL_UNREADABLE: {error}\n")
        return int(Exit.USAGE)
    sys.stdout.write(verify.render_connect(verdict) + "\n")
    return verdict.exit_code
