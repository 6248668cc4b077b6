"""Writes docs/reference/ from the code, or with ``--check`` says which page is out of date (exit 1)."""

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
# The generator is no package of its own: it is found beside this file, whoever runs it and from wherever.
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))

from generator import (  # noqa: E402 - needs the line above
    broker_connect,
    cli,
    contracts,
    data_api,
    errors,
    monitor,
    platform,
    records,
    risk_door,
    risk_rules,
    roles,
    settings,
)

HEADER = "<!-- Generated from the code by docs/generate.py. Change the code, then run `make docs`. -->\n\n"
PAGES: dict[str, Callable[[], str]] = {
    "broker-connect.md": broker_connect.page,
    "cli.md": cli.page,
    "contracts.md": contracts.page,
    "data-api.md": data_api.page,
    "errors.md": errors.page,
    "monitor.md": monitor.page,
    "platform.md": platform.page,
    "records.md": records.page,
    "risk-door.md": risk_door.page,
    "risk-rules.md": risk_rules.page,
    "roles.md": roles.page,
    "settings.md": settings.page,
}


def pages() -> dict[Path, str]:
    """Every generated page and what it should say."""
    return {
        FOLDER / "reference" / name: HEADER + re.sub(r"\n{3,}", "\n\n", make()).rstrip() + "\n" for name, make in PAGES.items()
    }


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 when all pages are, or now are, up to date; 1 when ``--check`` found one that is not."""
    made = pages()
    old = [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in arguments:
        for path in old:
            sys.stderr.write(f"out of date: docs/reference/{path.name} (run `make docs`)\n")
        return 1 if old else 0
    for path in old:
        path.parent.mkdir(exist_ok=True)
        path.write_text(made[path], encoding="utf-8")
        sys.stdout.write(f"written: docs/reference/{path.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
